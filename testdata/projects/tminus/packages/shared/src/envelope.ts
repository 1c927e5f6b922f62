// Every answer of every HTTP Worker has one of two shapes:
// {"ok":true,"data":...} or {"ok":false,"error":{"code":...,"message":...}}.

const maxBodyBytes = 64 * 1024;

/** An answer to the caller, thrown from anywhere below a handler. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = "Problem";
  }
}

export function ok(data: unknown, status = 200, headers: HeadersInit = {}): Response {
  return Response.json({ ok: true, data }, { status, headers });
}

export function fail(status: number, code: string, message: string): Response {
  return Response.json({ ok: false, error: { code, message } }, { status });
}

/** Runs a handler and turns whatever it throws into an envelope. */
export async function guarded(handle: () => Promise<Response>): Promise<Response> {
  try {
    return await handle();
  } catch (error) {
    if (error instanceof Problem) {
      return fail(error.status, error.code, error.message);
    }
    const text = String(error);
    console.error(error instanceof Error ? (error.stack ?? text) : text);
    const table = /no such table: (\w+)/.exec(text)?.[1];
    if (table) {
      return fail(500, "registry_not_migrated", `the registry has no table ${table}: apply the D1 migrations`);
    }
    return fail(500, "internal", "something went wrong on our side");
  }
}

/** The request's body as a JSON object; a Problem when it is anything else. */
export async function readJson(request: Request): Promise<Record<string, unknown>> {
  const text = await request.text();
  if (text.length > maxBodyBytes) {
    throw new Problem(413, "too_large", `the body is longer than ${maxBodyBytes} characters`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Problem(400, "bad_json", "the body is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Problem(400, "bad_json", "the body is not a JSON object");
  }
  return value as Record<string, unknown>;
}

/** A secret's value; a Problem that names it when it was never set. */
export function requireSecret(value: string | undefined, name: string): string {
  if (!value) {
    throw new Problem(500, "misconfigured", `the secret ${name} is not set on this Worker`);
  }
  return value;
}
