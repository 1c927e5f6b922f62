import { ok } from "@tminus/shared";
import type { Env } from "./env";
import { graphOf } from "./users";

/** Writes all of the user's events to one object in the exports bucket. */
export async function writeExport(env: Env, userId: string): Promise<Response> {
  const events = await graphOf(env, userId).listEvents();
  const key = `${userId}/${new Date().toISOString().slice(0, 10)}.json`;
  const { size } = await env.EXPORTS.put(key, JSON.stringify({ events }), {
    httpMetadata: { contentType: "application/json" },
  });
  return ok({ key, size, events: events.length }, 201);
}
