import { open, seal } from "@tminus/auth/vault";
import { accountsOf, insertAccount } from "@tminus/registry/accounts";
import { insertChannel } from "@tminus/registry/channels";
import { newId, ok, Problem, readJson, requireSecret } from "@tminus/shared";
import type { Env } from "./env";
import { graphOf } from "./users";

const channelDays = 7;

function accountOf(env: Env, accountId: string) {
  return env.ACCOUNT.get(env.ACCOUNT.idFromName(accountId));
}

/** Connects a CalDAV account by its app password; Google and Microsoft go through tminus-oauth. */
export async function connectAccount(request: Request, env: Env, userId: string): Promise<Response> {
  const { label, token } = await readJson(request);
  if (typeof label !== "string" || label === "" || typeof token !== "string" || token === "") {
    throw new Problem(400, "bad_account", "label and token must be text");
  }
  const master = requireSecret(env.MASTER_KEY, "MASTER_KEY");
  const account = { id: newId("acc"), user_id: userId, provider: "caldav", label };
  const channel = newId("chn");
  const expiresAt = new Date(Date.now() + channelDays * 86_400_000).toISOString();

  await accountOf(env, account.id).attach({
    accountId: account.id,
    userId,
    provider: account.provider,
    sealedToken: await seal(master, token, account.id),
  });
  await insertAccount(env.DB, account);
  await insertChannel(env.DB, channel, account.id, expiresAt);
  await graphOf(env, userId).addSource({ accountId: account.id, provider: account.provider, label });
  return ok({ account: { id: account.id, provider: account.provider, label }, channel: { id: channel, expiresAt } }, 201);
}

/** The user's accounts; of each token only the end, enough to recognise it. */
export async function listAccounts(_: Request, env: Env, userId: string): Promise<Response> {
  const master = requireSecret(env.MASTER_KEY, "MASTER_KEY");
  const rows = await accountsOf(env.DB, userId);
  const accounts = await Promise.all(
    rows.map(async ({ id, provider, label }) => {
      const object = accountOf(env, id);
      const [status, sealed] = await Promise.all([object.status(), object.sealedToken()]);
      const tokenEnd = sealed ? (await open(master, sealed, id)).slice(-4) : null;
      return { id, provider, label, tokenEnd, ...status };
    }),
  );
  return ok({ accounts });
}

export async function listSources(_: Request, env: Env, userId: string): Promise<Response> {
  return ok({ sources: await graphOf(env, userId).listSources() });
}
