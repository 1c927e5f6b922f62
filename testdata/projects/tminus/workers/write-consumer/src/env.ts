import type { Account, UserGraph } from "@tminus/shared";

export interface Env {
  ENVIRONMENT: string;
  WRITES: { enabled: boolean; providers: string[] };
  DB: D1Database;
  USER_GRAPH: DurableObjectNamespace<UserGraph>;
  ACCOUNT: DurableObjectNamespace<Account>;
}
