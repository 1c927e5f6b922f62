import { fail, guarded } from "@tminus/shared";
import { d1, health, present } from "@tminus/shared/health";
import type { Env } from "./env";
import { receive } from "./receive";
import robots from "./robots.txt";

async function route(request: Request, env: Env): Promise<Response> {
  const { pathname } = new URL(request.url);
  switch (`${request.method} ${pathname}`) {
    case "GET /health":
      return health({
        worker: "tminus-webhook",
        environment: env.ENVIRONMENT,
        version: env.CF_VERSION_METADATA,
        probes: [d1("DB", env.DB), present("SYNC_QUEUE", "queue", env.SYNC_QUEUE)],
      });
    case "GET /robots.txt":
      return new Response(robots);
    case "POST /webhook/google":
      return receive(request, env);
    default:
      return fail(404, "not_found", `there is nothing at ${request.method} ${pathname}`);
  }
}

export default {
  fetch: (request, env) => guarded(() => route(request, env)),
} satisfies ExportedHandler<Env>;
