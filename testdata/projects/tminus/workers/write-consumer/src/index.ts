import type { WriteMessage } from "@tminus/shared";
import { consume } from "./consume";
import type { Env } from "./env";

export default {
  queue: consume,
} satisfies ExportedHandler<Env, WriteMessage>;
