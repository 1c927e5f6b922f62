import { bearer, verify, type Claims } from "@tminus/auth";
import { userById } from "@tminus/registry/users";
import { ok, Problem, requireSecret } from "@tminus/shared";
import type { Env } from "./env";

export function graphOf(env: Env, userId: string) {
  return env.USER_GRAPH.get(env.USER_GRAPH.idFromName(userId));
}

/** The claims of the request's session token; a Problem with status 401 without a good one. */
export async function sessionClaims(request: Request, env: Env): Promise<Claims> {
  const token = bearer(request);
  if (!token) {
    throw new Problem(401, "no_token", "send the token as Authorization: Bearer <token>");
  }
  const claims = await verify(requireSecret(env.JWT_SECRET, "JWT_SECRET"), token, "session");
  if (!claims || (await env.SESSIONS.get(`revoked:${claims.jti}`))) {
    throw new Problem(401, "bad_token", "the token is not valid, or no longer: log in again");
  }
  return claims;
}

export async function requireUser(request: Request, env: Env): Promise<string> {
  return (await sessionClaims(request, env)).sub;
}

export async function me(_: Request, env: Env, userId: string): Promise<Response> {
  const user = await userById(env.DB, userId);
  if (!user) {
    throw new Problem(404, "no_such_user", "this user does not exist any more");
  }
  const notices = await graphOf(env, userId).listNotices();
  return ok({ user: { id: user.id, email: user.email, name: user.name }, notices });
}
