import type { Env } from "./env";
import { runSchedule } from "./schedules";

export { ReconcileWorkflow } from "./reconcile";

export default {
  scheduled: (event, env) => runSchedule(event.cron, new Date(event.scheduledTime), env),
} satisfies ExportedHandler<Env>;
