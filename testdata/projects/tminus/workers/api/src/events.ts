import { overlap } from "@tminus/overlap";
import { newId, ok, Problem, readJson, type CalendarEvent, type NewEvent } from "@tminus/shared";
import type { Env } from "./env";
import { graphOf } from "./users";

const longestTitle = 200;

export async function listEvents(_: Request, env: Env, userId: string): Promise<Response> {
  return ok({ events: await graphOf(env, userId).listEvents() });
}

/** Adds an event and says which others it collides with; writing it to the user's calendars is queued. */
export async function addEvent(request: Request, env: Env, userId: string): Promise<Response> {
  const wanted = eventIn(await readJson(request));
  const graph = graphOf(env, userId);
  const conflicts = (await graph.listEvents()).filter((other) => overlap(span(wanted), span(other)) > 0);
  const event = await graph.addEvent(wanted);
  await env.WRITE_QUEUE.send({ kind: "write", deliveryId: newId("dlv"), userId, eventId: event.id });
  return ok({ event, conflicts: conflicts.map((other: CalendarEvent) => other.id) }, 201);
}

function span(event: NewEvent) {
  return { from: Date.parse(event.startsAt), to: Date.parse(event.endsAt) };
}

function eventIn(body: Record<string, unknown>): NewEvent {
  const { title } = body;
  if (typeof title !== "string" || title.trim() === "" || title.length > longestTitle) {
    throw new Problem(400, "bad_title", `title must be text of 1 to ${longestTitle} characters`);
  }
  const startsAt = instantIn(body, "startsAt");
  const endsAt = instantIn(body, "endsAt");
  if (endsAt <= startsAt) {
    throw new Problem(400, "bad_span", "endsAt must be after startsAt");
  }
  return { title: title.trim(), startsAt, endsAt };
}

function instantIn(body: Record<string, unknown>, field: string): string {
  const value = body[field];
  const time = typeof value === "string" ? Date.parse(value) : NaN;
  if (Number.isNaN(time)) {
    throw new Problem(400, "bad_instant", `${field} must be an ISO 8601 instant`);
  }
  return new Date(time).toISOString();
}
