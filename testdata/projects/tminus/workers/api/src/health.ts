import { d1, durableObject, health, kv, present, r2, secret } from "@tminus/shared/health";
import type { Env } from "./env";

export function apiHealth(env: Env): Promise<Response> {
  return health({
    worker: "tminus-api",
    environment: env.ENVIRONMENT,
    version: env.CF_VERSION_METADATA,
    probes: [
      d1("DB", env.DB),
      kv("SESSIONS", env.SESSIONS),
      kv("RATE_LIMITS", env.RATE_LIMITS),
      r2("EXPORTS", env.EXPORTS),
      present("WRITE_QUEUE", "queue", env.WRITE_QUEUE),
      durableObject("USER_GRAPH", env.USER_GRAPH),
      durableObject("ACCOUNT", env.ACCOUNT),
      secret("JWT_SECRET", env.JWT_SECRET),
      secret("MASTER_KEY", env.MASTER_KEY),
    ],
  });
}
