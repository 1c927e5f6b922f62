import { guarded } from "@tminus/shared";
import type { Env } from "./env";
import { route } from "./router";

export { AccountDO } from "./account";
export { UserGraphDO } from "./graph";

export default {
  fetch: (request, env) => guarded(() => route(request, env)),
} satisfies ExportedHandler<Env>;
