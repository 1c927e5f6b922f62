import type { ReconcileMessage, SyncMessage } from "@tminus/shared";
import { consume } from "./consume";
import type { Env } from "./env";

export default {
  queue: consume,
} satisfies ExportedHandler<Env, SyncMessage | ReconcileMessage>;
