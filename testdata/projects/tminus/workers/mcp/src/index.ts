import { fail, guarded } from "@tminus/shared";
import { d1, health, present, service } from "@tminus/shared/health";
import type { Env } from "./env";
import { answer } from "./rpc";

async function route(request: Request, env: Env): Promise<Response> {
  const { pathname } = new URL(request.url);
  switch (`${request.method} ${pathname}`) {
    case "GET /health":
      return health({
        worker: "tminus-mcp",
        environment: env.ENVIRONMENT,
        version: env.CF_VERSION_METADATA,
        // Without the model only summarize_events is gone.
        probes: [d1("DB", env.DB), service("API", env.API), present("AI", "ai", env.AI, false)],
      });
    case "POST /mcp":
      return answer(request, env);
    default:
      return fail(404, "not_found", `there is nothing at ${request.method} ${pathname}`);
  }
}

export default {
  fetch: (request, env) => guarded(() => route(request, env)),
} satisfies ExportedHandler<Env>;
