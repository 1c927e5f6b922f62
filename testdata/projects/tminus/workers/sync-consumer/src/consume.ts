import { noteSync } from "@tminus/registry/journal";
import type { ReconcileMessage, SyncMessage } from "@tminus/shared";
import { log } from "@tminus/shared/log";
import type { Env } from "./env";

/** Each message on its own: one account that fails does not hold up the batch. */
export async function consume(batch: MessageBatch<SyncMessage | ReconcileMessage>, env: Env): Promise<void> {
  await Promise.all(
    batch.messages.map(async (message) => {
      try {
        await sync(message.body, env);
        message.ack();
      } catch (error) {
        const { firstSeconds, mostSeconds } = env.RETRY;
        const delaySeconds = Math.min(firstSeconds * 2 ** (message.attempts - 1), mostSeconds);
        log("sync.retry", { queue: batch.queue, account: message.body.accountId, delaySeconds, error: String(error) });
        message.retry({ delaySeconds });
      }
    }),
  );
}

/** Every step may happen again: a message that failed half way comes back whole. */
async function sync({ accountId, userId, deliveryId, kind }: SyncMessage | ReconcileMessage, env: Env): Promise<void> {
  await env.ACCOUNT.get(env.ACCOUNT.idFromName(accountId)).recordSync(deliveryId);
  await env.USER_GRAPH.get(env.USER_GRAPH.idFromName(userId)).recordChange(deliveryId, accountId);
  await noteSync(env.DB, { deliveryId, accountId, reason: kind });
  log("sync.done", { account: accountId, delivery: deliveryId });
}
