import { timingSafeEqual } from "crypto";
import { decode, encode, random, utf8, type Bytes } from "./bytes.js";

// The most that Workers allow PBKDF2; a hash remembers its own count, so this may change.
const iterations = 100_000;
const scheme = "pbkdf2-sha256";

async function derive(password: string, salt: Bytes, rounds: number): Promise<Bytes> {
  const key = await crypto.subtle.importKey("raw", utf8(password), "PBKDF2", false, ["deriveBits"]);
  const bits = await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt, iterations: rounds }, key, 256);
  return new Uint8Array(bits);
}

/** scheme$iterations$salt$hash, the form kept in the registry. */
export async function hashPassword(password: string): Promise<string> {
  const salt = random(16);
  const hash = await derive(password, salt, iterations);
  return [scheme, iterations, encode(salt), encode(hash)].join("$");
}

export async function verifyPassword(password: string, stored: string): Promise<boolean> {
  const [kind, rounds, salt, hash] = stored.split("$");
  const saltBytes = decode(salt ?? "");
  const expected = decode(hash ?? "");
  if (kind !== scheme || !saltBytes || !expected || !(Number(rounds) > 0)) {
    return false;
  }
  const actual = await derive(password, saltBytes, Number(rounds));
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}
