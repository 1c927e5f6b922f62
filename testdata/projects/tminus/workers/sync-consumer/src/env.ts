import type { Account, UserGraph } from "@tminus/shared";

export interface Env {
  ENVIRONMENT: string;
  RETRY: { firstSeconds: number; mostSeconds: number };
  DB: D1Database;
  USER_GRAPH: DurableObjectNamespace<UserGraph>;
  ACCOUNT: DurableObjectNamespace<Account>;
}
