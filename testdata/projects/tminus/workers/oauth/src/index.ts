import { guarded } from "@tminus/shared";
import type { Env } from "./env";
import { route } from "./router";

export { OnboardingWorkflow } from "./onboarding";

export default {
  fetch: (request, env) => guarded(() => route(request, env)),
} satisfies ExportedHandler<Env>;
