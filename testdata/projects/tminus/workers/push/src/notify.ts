import { devicesOf, insertDevice } from "@tminus/registry/devices";
import { fail, isId, newId, ok, Problem, readJson } from "@tminus/shared";
import type { Env } from "./env";
import { frame } from "./frame";

export async function route(request: Request, env: Env): Promise<Response> {
  const { pathname } = new URL(request.url);
  switch (`${request.method} ${pathname}`) {
    case "POST /devices":
      return addDevice(request, env);
    case "POST /notify":
      return notify(request, env);
    default:
      return fail(404, "not_found", `there is nothing at ${request.method} ${pathname}`);
  }
}

async function addDevice(request: Request, env: Env): Promise<Response> {
  const { userId, platform } = await readJson(request);
  if (!isId("usr", userId) || typeof platform !== "string" || !env.PUSH.platforms.includes(platform)) {
    throw new Problem(400, "bad_device", `userId must be a user's id and platform one of ${env.PUSH.platforms.join(", ")}`);
  }
  const device = { id: newId("dev"), platform };
  await insertDevice(env.DB, device, userId);
  return ok({ device }, 201);
}

/** Keeps the notice with the user, and answers with what to send to which device. */
async function notify(request: Request, env: Env): Promise<Response> {
  const { userId, text } = await readJson(request);
  if (!isId("usr", userId) || typeof text !== "string" || text === "") {
    throw new Problem(400, "bad_notice", "userId must be a user's id and text must not be empty");
  }
  const id = await env.USER_GRAPH.get(env.USER_GRAPH.idFromName(userId)).addNotice(text);
  const payload = frame({ id, text, ttlSeconds: env.PUSH.ttlSeconds });
  const devices = await devicesOf(env.DB, userId);
  return ok({ notice: id, devices: devices.map((device) => ({ ...device, payload })) }, 202);
}
