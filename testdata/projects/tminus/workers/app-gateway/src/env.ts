export interface Env {
  ENVIRONMENT: string;
  FEATURES: { exports: boolean; notices: boolean };
  CF_VERSION_METADATA: WorkerVersionMetadata;
  API: Fetcher;
  ASSETS: Fetcher;
}
