import { bearer, sign, verify } from "@tminus/auth";
import { seal } from "@tminus/auth/vault";
import { newId, Problem, requireSecret } from "@tminus/shared";
import { log } from "@tminus/shared/log";
import connectedPage from "./connected.html";
import type { Env } from "./env";
import type { Provider } from "./providers";

/** Sends the user to the provider; the state says, signed, which user comes back. */
export async function start(request: Request, provider: Provider, env: Env): Promise<Response> {
  const secret = requireSecret(env.JWT_SECRET, "JWT_SECRET");
  const clientId = requireSecret(env[provider.clientIdName], provider.clientIdName);
  const token = bearer(request) ?? new URL(request.url).searchParams.get("token") ?? "";
  const claims = await verify(secret, token, "session");
  if (!claims) {
    throw new Problem(401, "bad_token", "log in before you connect a calendar");
  }
  const to = new URL(provider.authorize);
  to.search = new URLSearchParams({
    client_id: clientId,
    redirect_uri: `${env.OAUTH.self}/callback/${provider.name}`,
    response_type: "code",
    scope: provider.scope,
    state: await sign(secret, { sub: claims.sub, aud: "oauth" }, env.OAUTH.stateTtlSeconds),
    ...provider.extra,
  }).toString();
  return new Response(null, { status: 302, headers: { location: to.toString() } });
}

/** Takes the user back, and leaves the rest to the workflow, which survives a provider that is down. */
export async function callback(query: URLSearchParams, provider: Provider, env: Env): Promise<Response> {
  const refusal = query.get("error");
  if (refusal) {
    throw new Problem(400, "refused", `${provider.name} answered ${refusal}`);
  }
  const claims = await verify(requireSecret(env.JWT_SECRET, "JWT_SECRET"), query.get("state") ?? "", "oauth");
  if (!claims) {
    throw new Problem(400, "bad_state", "the state is not ours, or has expired: start again");
  }
  const code = query.get("code");
  if (!code) {
    throw new Problem(400, "no_code", `${provider.name} sent no code`);
  }
  const accountId = newId("acc");
  const workflow = await env.ONBOARDING.create({
    id: accountId,
    params: {
      userId: claims.sub,
      accountId,
      provider: provider.name,
      label: `${provider.name} calendar`,
      sealedGrant: await seal(requireSecret(env.MASTER_KEY, "MASTER_KEY"), code, accountId),
    },
  });
  log("onboarding.started", { workflow: workflow.id, provider: provider.name });
  return new Response(connectedPage.replace("{{app}}", env.OAUTH.app), {
    headers: { "content-type": "text/html; charset=utf-8", "x-tminus-workflow": workflow.id },
  });
}
