import type { Account, UserGraph } from "@tminus/shared";

/** What a callback hands to the workflow. */
export interface Onboarding {
  userId: string;
  accountId: string;
  provider: string;
  label: string;
  sealedGrant: string;
}

export interface Env {
  ENVIRONMENT: string;
  OAUTH: { self: string; app: string; stateTtlSeconds: number };
  CF_VERSION_METADATA: WorkerVersionMetadata;
  DB: D1Database;
  USER_GRAPH: DurableObjectNamespace<UserGraph>;
  ACCOUNT: DurableObjectNamespace<Account>;
  ONBOARDING: Workflow<Onboarding>;
  JWT_SECRET?: string;
  MASTER_KEY?: string;
  GOOGLE_CLIENT_ID?: string;
  GOOGLE_CLIENT_SECRET?: string;
  MS_CLIENT_ID?: string;
  MS_CLIENT_SECRET?: string;
}
