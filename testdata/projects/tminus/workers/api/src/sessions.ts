import { hashPassword, sign, verifyPassword } from "@tminus/auth";
import { insertUser, userByEmail } from "@tminus/registry/users";
import { newId, ok, Problem, readJson, requireSecret } from "@tminus/shared";
import type { Env } from "./env";
import { graphOf, sessionClaims } from "./users";

const passwordLength = { min: 8, max: 200 };
const longestEmail = 254;
const longestName = 120;

export async function register(request: Request, env: Env): Promise<Response> {
  const body = await readJson(request);
  const email = emailIn(body);
  const password = passwordIn(body);
  const name = nameIn(body);
  // Before anything is written: a user who cannot get a token is of no use.
  const secret = requireSecret(env.JWT_SECRET, "JWT_SECRET");

  const id = newId("usr");
  await insertUser(env.DB, { id, email, name, password_hash: await hashPassword(password) });
  await graphOf(env, id).init({ userId: id, email });
  return ok({ user: { id, email }, token: await sessionToken(env, secret, id) }, 201);
}

export async function login(request: Request, env: Env): Promise<Response> {
  const body = await readJson(request);
  const email = emailIn(body);
  const password = passwordIn(body);
  const secret = requireSecret(env.JWT_SECRET, "JWT_SECRET");

  const failures = `login:${email}`;
  const failed = Number(await env.RATE_LIMITS.get(failures));
  if (failed >= env.LIMITS.failedLogins) {
    throw new Problem(429, "too_many_logins", "too many failed attempts for this address: try again later");
  }
  const user = await userByEmail(env.DB, email);
  if (!user || !(await verifyPassword(password, user.password_hash))) {
    await env.RATE_LIMITS.put(failures, String(failed + 1), { expirationTtl: env.LIMITS.failedLoginWindowSeconds });
    throw new Problem(401, "bad_credentials", "the email address or the password is wrong");
  }
  return ok({ user: { id: user.id, email }, token: await sessionToken(env, secret, user.id) });
}

/** Tokens cannot be taken back, so the session's id is remembered until the token has expired. */
export async function logout(request: Request, env: Env): Promise<Response> {
  const claims = await sessionClaims(request, env);
  await env.SESSIONS.put(`revoked:${claims.jti}`, "1", { expirationTtl: env.LIMITS.tokenTtlSeconds });
  return ok({ revoked: true });
}

function sessionToken(env: Env, secret: string, userId: string): Promise<string> {
  return sign(secret, { sub: userId, aud: "session" }, env.LIMITS.tokenTtlSeconds);
}

function emailIn(body: Record<string, unknown>): string {
  const { email } = body;
  if (typeof email !== "string" || email.length > longestEmail || !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email)) {
    throw new Problem(400, "bad_email", "email must be an email address");
  }
  return email.toLowerCase();
}

function passwordIn(body: Record<string, unknown>): string {
  const { password } = body;
  const { min, max } = passwordLength;
  if (typeof password !== "string" || password.length < min || password.length > max) {
    throw new Problem(400, "bad_password", `password must have ${min} to ${max} characters`);
  }
  return password;
}

function nameIn(body: Record<string, unknown>): string | null {
  const { name = null } = body;
  if (name !== null && (typeof name !== "string" || name.length > longestName)) {
    throw new Problem(400, "bad_name", `name must be text of at most ${longestName} characters`);
  }
  return name;
}
