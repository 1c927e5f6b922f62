export interface Env {
  ENVIRONMENT: string;
  SUMMARY: { model: string; words: number };
  CF_VERSION_METADATA: WorkerVersionMetadata;
  DB: D1Database;
  API: Fetcher;
  AI: Ai;
}
