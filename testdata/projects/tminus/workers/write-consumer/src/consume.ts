import { accountsOf } from "@tminus/registry/accounts";
import { noteWrite } from "@tminus/registry/journal";
import type { WriteMessage } from "@tminus/shared";
import { log } from "@tminus/shared/log";
import type { Env } from "./env";

/** Set by wrangler.toml; how long a message waits before it is tried again. */
declare const RETRY_SECONDS: number;

/** In order: two changes of one event must not overtake each other. */
export async function consume(batch: MessageBatch<WriteMessage>, env: Env): Promise<void> {
  for (const message of batch.messages) {
    try {
      await write(message.body, env);
      message.ack();
    } catch (error) {
      log("write.retry", { eventId: message.body.eventId, attempt: message.attempts, error: String(error) });
      message.retry({ delaySeconds: RETRY_SECONDS });
    }
  }
}

async function write({ userId, eventId, deliveryId }: WriteMessage, env: Env): Promise<void> {
  const { enabled, providers } = env.WRITES;
  const all = enabled ? await accountsOf(env.DB, userId) : [];
  const accounts = all.filter((account) => providers.includes(account.provider));
  for (const { id } of accounts) {
    await env.ACCOUNT.get(env.ACCOUNT.idFromName(id)).recordWrite(eventId);
  }
  const known = await env.USER_GRAPH.get(env.USER_GRAPH.idFromName(userId)).markWritten(eventId);
  await noteWrite(env.DB, { deliveryId, userId, eventId, accounts: accounts.length });
  log("write.done", { eventId, accounts: accounts.length, known });
}
