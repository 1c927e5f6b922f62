import { ok } from "@tminus/shared";
import { health, present, service } from "@tminus/shared/health";
import type { Env } from "~/env";

// Only the paths of run_worker_first in wrangler.toml come here before the
// assets are looked at; anything else arrives when no asset has its name.

export async function route(request: Request, env: Env): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (request.method === "GET" && pathname === "/health") {
    return health({
      worker: "tminus-app-gateway",
      environment: env.ENVIRONMENT,
      version: env.CF_VERSION_METADATA,
      probes: [service("API", env.API), present("ASSETS", "assets", env.ASSETS)],
    });
  }
  if (request.method === "GET" && pathname === "/v1/features") {
    return ok({ features: env.FEATURES });
  }
  if (pathname.startsWith("/v1/")) {
    return toApi(request, env);
  }
  return env.ASSETS.fetch(request);
}

async function toApi(request: Request, env: Env): Promise<Response> {
  const forwarded = new Request(request);
  forwarded.headers.set("x-forwarded-host", new URL(request.url).host);
  const answer = await env.API.fetch(forwarded);
  const marked = new Response(answer.body, answer);
  marked.headers.set("x-tminus-gateway", env.ENVIRONMENT);
  return marked;
}
