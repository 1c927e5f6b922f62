import { newId } from "@tminus/shared";
import { decode, encode, utf8 } from "./bytes.js";

// JSON Web Tokens signed with HS256, and nothing else: a token that names
// another algorithm is not ours.

const header = encode(utf8(JSON.stringify({ alg: "HS256", typ: "JWT" })));

export interface Claims {
  /** The user. */
  sub: string;
  /** What the token is for: a session, or the state of an OAuth round trip. */
  aud: "session" | "oauth";
  /** The token's own id. */
  jti: string;
  /** Seconds since 1970. */
  iat: number;
  exp: number;
}

function hmacKey(secret: string, usage: "sign" | "verify"): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", utf8(secret), { name: "HMAC", hash: "SHA-256" }, false, [usage]);
}

export async function sign(
  secret: string,
  claims: Pick<Claims, "sub" | "aud">,
  ttlSeconds: number,
  now = Date.now(),
): Promise<string> {
  const iat = Math.floor(now / 1000);
  const full: Claims = { ...claims, jti: newId("ses"), iat, exp: iat + ttlSeconds };
  const body = `${header}.${encode(utf8(JSON.stringify(full)))}`;
  const signature = await crypto.subtle.sign("HMAC", await hmacKey(secret, "sign"), utf8(body));
  return `${body}.${encode(new Uint8Array(signature))}`;
}

/** The claims of a token that is ours, meant for this audience and not expired; otherwise null. */
export async function verify(
  secret: string,
  token: string,
  audience: Claims["aud"],
  now = Date.now(),
): Promise<Claims | null> {
  const [head, payload, signature, ...rest] = token.split(".");
  if (head !== header || !payload || !signature || rest.length > 0) {
    return null;
  }
  const signatureBytes = decode(signature);
  const payloadBytes = decode(payload);
  if (!signatureBytes || !payloadBytes) {
    return null;
  }
  const key = await hmacKey(secret, "verify");
  if (!(await crypto.subtle.verify("HMAC", key, signatureBytes, utf8(`${head}.${payload}`)))) {
    return null;
  }
  const claims = JSON.parse(new TextDecoder().decode(payloadBytes)) as Claims;
  return claims.aud === audience && claims.exp * 1000 > now ? claims : null;
}

/** The token of an Authorization: Bearer header. */
export function bearer(request: Request): string | null {
  return /^Bearer ([\w.-]+)$/.exec(request.headers.get("authorization") ?? "")?.[1] ?? null;
}
