import type { Account, ReconcileMessage, UserGraph } from "@tminus/shared";

export interface Env {
  ENVIRONMENT: string;
  RECONCILE: { accountsPerRun: number; staleAfterMinutes: number };
  DB: D1Database;
  RECONCILE_QUEUE: Queue<ReconcileMessage>;
  USER_GRAPH: DurableObjectNamespace<UserGraph>;
  ACCOUNT: DurableObjectNamespace<Account>;
  RECONCILE_WORKFLOW: Workflow<{ day: string }>;
}
