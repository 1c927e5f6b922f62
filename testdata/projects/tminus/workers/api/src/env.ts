import type { AccountDO } from "./account";
import type { UserGraphDO } from "./graph";
import type { WriteMessage } from "@tminus/shared";

export interface Env {
  ENVIRONMENT: string;
  LIMITS: { tokenTtlSeconds: number; failedLogins: number; failedLoginWindowSeconds: number };
  CF_VERSION_METADATA: WorkerVersionMetadata;
  DB: D1Database;
  SESSIONS: KVNamespace;
  RATE_LIMITS: KVNamespace;
  EXPORTS: R2Bucket;
  WRITE_QUEUE: Queue<WriteMessage>;
  USER_GRAPH: DurableObjectNamespace<UserGraphDO>;
  ACCOUNT: DurableObjectNamespace<AccountDO>;
  JWT_SECRET?: string;
  MASTER_KEY?: string;
  GOOGLE_CLIENT_ID?: string;
  GOOGLE_CLIENT_SECRET?: string;
  MS_CLIENT_ID?: string;
  MS_CLIENT_SECRET?: string;
}
