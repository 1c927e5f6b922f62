import { Buffer } from "node:buffer";
import { WorkflowEntrypoint, type WorkflowEvent, type WorkflowStep } from "cloudflare:workers";
import { activeAccounts, type AccountRow } from "@tminus/registry/accounts";
import { noteReconcile } from "@tminus/registry/journal";
import { newId } from "@tminus/shared";
import type { Env } from "./env";

/** The most messages that one sendBatch takes. */
const batchSize = 100;

export async function enqueue(env: Env, accounts: AccountRow[]): Promise<void> {
  for (let i = 0; i < accounts.length; i += batchSize) {
    await env.RECONCILE_QUEUE.sendBatch(
      accounts.slice(i, i + batchSize).map(({ id, user_id }) => ({
        body: { kind: "reconcile" as const, deliveryId: newId("dlv"), accountId: id, userId: user_id },
      })),
    );
  }
}

/** Once a day: finds the accounts that nobody has read for too long, tells their users and has them read again. */
export class ReconcileWorkflow extends WorkflowEntrypoint<Env, { day: string }> {
  override async run(event: Readonly<WorkflowEvent<{ day: string }>>, step: WorkflowStep): Promise<void> {
    const { accountsPerRun, staleAfterMinutes } = this.env.RECONCILE;
    const oldest = new Date(event.timestamp.getTime() - staleAfterMinutes * 60_000).toISOString();

    const accounts = await step.do("list accounts", () => activeAccounts(this.env.DB, accountsPerRun));
    const stale = await step.do("find stale ones", async () => {
      const found: AccountRow[] = [];
      for (const account of accounts) {
        const { lastSync } = await this.env.ACCOUNT.get(this.env.ACCOUNT.idFromName(account.id)).status();
        if (!lastSync || lastSync < oldest) {
          found.push(account);
        }
      }
      return found;
    });
    await step.do("queue them", () => enqueue(this.env, stale));
    await step.do("tell their users", async () => {
      for (const { user_id, label } of stale) {
        const graph = this.env.USER_GRAPH.get(this.env.USER_GRAPH.idFromName(user_id));
        await graph.addNotice(`We have not heard from ${label} for a while and are reading it again.`);
      }
    });
    await step.do("write it down", () => {
      const id = Buffer.from(event.instanceId, "utf8").toString("base64url");
      return noteReconcile(this.env.DB, { id, looked: accounts.length, stale: stale.length });
    });
  }
}
