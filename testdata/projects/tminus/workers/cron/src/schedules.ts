import { performance } from "node:perf_hooks";
import { format } from "node:util";
import { activeAccounts } from "@tminus/registry/accounts";
import { dropExpiredChannels } from "@tminus/registry/channels";
import type { Env } from "./env";
import { enqueue } from "./reconcile";

/** One job per schedule in wrangler.toml; each says in a word or two what it did. */
const jobs: Record<string, (at: Date, env: Env) => Promise<string>> = {
  "*/15 * * * *": async (_, env) => {
    const accounts = await activeAccounts(env.DB, env.RECONCILE.accountsPerRun);
    await enqueue(env, accounts);
    return `${accounts.length} accounts queued`;
  },
  "30 * * * *": async (at, env) => `${await dropExpiredChannels(env.DB, at.toISOString())} channels dropped`,
  "0 3 * * *": async (at, env) => {
    const day = at.toISOString().slice(0, 10);
    const { id } = await env.RECONCILE_WORKFLOW.create({ id: `reconcile-${day}-${at.getTime()}`, params: { day } });
    return `${id} started`;
  },
};

export async function runSchedule(cron: string, at: Date, env: Env): Promise<void> {
  const job = jobs[cron];
  if (!job) {
    throw new Error(format("no job for the schedule %j in %s", cron, process.env.ENVIRONMENT));
  }
  const start = performance.now();
  const done = await job(at, env);
  console.log(format("%s [%s] %s in %d ms", process.env.ENVIRONMENT, cron, done, Math.round(performance.now() - start)));
}
