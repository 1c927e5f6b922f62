import { WorkflowEntrypoint, type WorkflowEvent, type WorkflowStep } from "cloudflare:workers";
import { insertAccount } from "@tminus/registry/accounts";
import { insertChannel } from "@tminus/registry/channels";
import type { Env, Onboarding } from "./env";

const channelDays = 7;

/** Connects one calendar account, step by step; a step that was done is not done again. */
export class OnboardingWorkflow extends WorkflowEntrypoint<Env, Onboarding> {
  override async run(event: Readonly<WorkflowEvent<Onboarding>>, step: WorkflowStep): Promise<{ accountId: string }> {
    const { userId, accountId, provider, label, sealedGrant } = event.payload;

    await step.do("keep the grant", async () => {
      const account = this.env.ACCOUNT.get(this.env.ACCOUNT.idFromName(accountId));
      await account.attach({ accountId, userId, provider, sealedToken: sealedGrant });
    });
    await step.do("register the account", () =>
      insertAccount(this.env.DB, { id: accountId, user_id: userId, provider, label }),
    );
    await step.do("open a channel", async () => {
      const expires = new Date(event.timestamp.getTime() + channelDays * 86_400_000);
      await insertChannel(this.env.DB, accountId.replace("acc_", "chn_"), accountId, expires.toISOString());
    });
    await step.do("tell the user's graph", async () => {
      const graph = this.env.USER_GRAPH.get(this.env.USER_GRAPH.idFromName(userId));
      await graph.addSource({ accountId, provider, label });
    });
    return { accountId };
  }
}
