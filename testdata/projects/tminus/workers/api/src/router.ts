import { fail } from "@tminus/shared";
import { connectAccount, listAccounts, listSources } from "./accounts";
import type { Env } from "./env";
import { addEvent, listEvents } from "./events";
import { apiHealth } from "./health";
import { login, logout, register } from "./sessions";
import { me, requireUser } from "./users";

type Handler = (request: Request, env: Env, userId: string) => Promise<Response>;

/** Answered without a token. */
const open: Record<string, Handler> = {
  "GET /health": (_, env) => apiHealth(env),
  "POST /v1/auth/register": register,
  "POST /v1/auth/login": login,
};

/** Answered for the user whose token the request carries. */
const guardedByToken: Record<string, Handler> = {
  "POST /v1/auth/logout": logout,
  "GET /v1/me": me,
  "GET /v1/events": listEvents,
  "POST /v1/events": addEvent,
  "GET /v1/accounts": listAccounts,
  "POST /v1/accounts": connectAccount,
  "GET /v1/sources": listSources,
  // Exports are rare; their code is not needed to answer anything else.
  "POST /v1/exports": async (_, env, userId) => (await import("./exports")).writeExport(env, userId),
};

export async function route(request: Request, env: Env): Promise<Response> {
  const { pathname } = new URL(request.url);
  const key = `${request.method} ${pathname}`;
  const anyone = open[key];
  if (anyone) {
    return anyone(request, env, "");
  }
  const user = guardedByToken[key];
  if (user) {
    return user(request, env, await requireUser(request, env));
  }
  return fail(404, "not_found", `there is nothing at ${key}`);
}
