import { guarded } from "@tminus/shared";
import type { Env } from "./env";
import { route } from "./notify";

// No route and no workers.dev: only other Workers of the account can call it.
export default {
  fetch: (request, env) => guarded(() => route(request, env)),
} satisfies ExportedHandler<Env>;
