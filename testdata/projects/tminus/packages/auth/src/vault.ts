import { Problem } from "@tminus/shared";
import { decode, encode, random, utf8, type Bytes } from "./bytes.js";

// Envelope encryption: each value has a data key of its own, and the master
// key wraps only data keys. A sealed value reads <wrapped data key>.<text>,
// and belongs to one owner: moved to another owner's row it does not open.

const ivBytes = 12;

async function masterKey(secret: string): Promise<CryptoKey> {
  const digest = await crypto.subtle.digest("SHA-256", utf8(secret));
  return aesKey(new Uint8Array(digest));
}

function aesKey(raw: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
}

async function encrypt(key: CryptoKey, data: Bytes, owner: string): Promise<string> {
  const iv = random(ivBytes);
  const cipher = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: utf8(owner) }, key, data);
  const out = new Uint8Array(ivBytes + cipher.byteLength);
  out.set(iv);
  out.set(new Uint8Array(cipher), ivBytes);
  return encode(out);
}

async function decrypt(key: CryptoKey, text: string, owner: string): Promise<Bytes> {
  const bytes = decode(text);
  if (!bytes) {
    throw new Error("not base64url");
  }
  const plain = await crypto.subtle.decrypt(
    { name: "AES-GCM", iv: bytes.slice(0, ivBytes), additionalData: utf8(owner) },
    key,
    bytes.slice(ivBytes),
  );
  return new Uint8Array(plain);
}

/** Encrypts text for one owner, such as an account id. */
export async function seal(master: string, text: string, owner: string): Promise<string> {
  const dataKey = random(32);
  const wrapped = await encrypt(await masterKey(master), dataKey, owner);
  const data = await encrypt(await aesKey(dataKey), utf8(text), owner);
  return `${wrapped}.${data}`;
}

/** Decrypts what seal made; a Problem when the master key or the owner is another one. */
export async function open(master: string, sealed: string, owner: string): Promise<string> {
  const [wrapped = "", data = ""] = sealed.split(".");
  try {
    const dataKey = await decrypt(await masterKey(master), wrapped, owner);
    return new TextDecoder().decode(await decrypt(await aesKey(dataKey), data, owner));
  } catch {
    throw new Problem(500, "sealed", "the stored token does not open with this MASTER_KEY");
  }
}
