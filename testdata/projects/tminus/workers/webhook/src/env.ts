import type { SyncMessage } from "@tminus/shared";

export interface Env {
  ENVIRONMENT: string;
  /** What Google may say happened; anything else is answered and dropped. */
  RESOURCE_STATES: string[];
  CF_VERSION_METADATA: WorkerVersionMetadata;
  DB: D1Database;
  SYNC_QUEUE: Queue<SyncMessage>;
}
