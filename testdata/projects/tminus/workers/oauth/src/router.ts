import { fail } from "@tminus/shared";
import { d1, durableObject, health, present, secret } from "@tminus/shared/health";
import type { Env } from "./env";
import { callback, start } from "./flow";
import { providers } from "./providers";

export async function route(request: Request, env: Env): Promise<Response> {
  const url = new URL(request.url);
  if (request.method === "GET" && url.pathname === "/health") {
    return oauthHealth(env);
  }
  const [, step, name] = /^\/(start|callback)\/([a-z]+)$/.exec(url.pathname) ?? [];
  const provider = providers.find((p) => p.name === name);
  if (request.method !== "GET" || !provider) {
    return fail(404, "not_found", `there is nothing at ${request.method} ${url.pathname}`);
  }
  return step === "start" ? start(request, provider, env) : callback(url.searchParams, provider, env);
}

function oauthHealth(env: Env): Promise<Response> {
  return health({
    worker: "tminus-oauth",
    environment: env.ENVIRONMENT,
    version: env.CF_VERSION_METADATA,
    probes: [
      d1("DB", env.DB),
      durableObject("USER_GRAPH", env.USER_GRAPH),
      durableObject("ACCOUNT", env.ACCOUNT),
      present("ONBOARDING", "workflow", env.ONBOARDING),
      secret("JWT_SECRET", env.JWT_SECRET),
      secret("MASTER_KEY", env.MASTER_KEY),
      ...providers.map((provider) => secret(provider.clientIdName, env[provider.clientIdName])),
    ],
  });
}
