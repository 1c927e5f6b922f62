import type { UserGraph } from "@tminus/shared";

export interface Env {
  ENVIRONMENT: string;
  PUSH: { platforms: string[]; ttlSeconds: number };
  DB: D1Database;
  USER_GRAPH: DurableObjectNamespace<UserGraph>;
}
