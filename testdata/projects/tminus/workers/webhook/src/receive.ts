import { channelById } from "@tminus/registry/channels";
import { newId, ok, Problem } from "@tminus/shared";
import { log } from "@tminus/shared/log";
import type { Env } from "./env";

/**
 * A push from Google Calendar, which has no body: everything is in headers.
 * https://developers.google.com/workspace/calendar/api/guides/push
 */
export async function receive(request: Request, env: Env): Promise<Response> {
  const channelId = request.headers.get("x-goog-channel-id");
  const state = request.headers.get("x-goog-resource-state");
  if (!channelId || !state) {
    throw new Problem(400, "bad_push", "X-Goog-Channel-ID and X-Goog-Resource-State are missing");
  }
  if (!env.RESOURCE_STATES.includes(state)) {
    return ok({ queued: false });
  }
  const channel = await channelById(env.DB, channelId, new Date().toISOString());
  if (!channel) {
    throw new Problem(404, "no_such_channel", "this channel is not open");
  }
  // Google numbers the messages of a channel, so a repeated push keeps its id.
  const number = request.headers.get("x-goog-message-number");
  const deliveryId = number ? `${channelId}:${number}` : newId("dlv");
  await env.SYNC_QUEUE.send({ kind: "sync", deliveryId, accountId: channel.account_id, userId: channel.user_id });
  log("push.queued", { channel: channelId, delivery: deliveryId });
  return ok({ queued: true, delivery: deliveryId }, 202);
}
