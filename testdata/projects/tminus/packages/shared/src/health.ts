// GET /health in the enriched format: what the Worker is, where it runs, and
// whether each of its bindings answers when it is touched.

const patience = 3000;

export type Status = "healthy" | "degraded" | "unhealthy";

export interface Probe {
  name: string;
  /** The binding's type in Cloudflare's own word for it. */
  type: string;
  /** A required binding that does not answer makes the Worker unhealthy, any other one degraded. */
  required: boolean;
  touch: () => unknown;
}

export interface Subject {
  /** The script's name without its environment: tminus-api in staging and in production. */
  worker: string;
  environment: string;
  version: WorkerVersionMetadata | undefined;
  probes: Probe[];
}

/** The health answer: 200 when healthy or degraded, 503 when unhealthy. */
export async function health(subject: Subject): Promise<Response> {
  const bindings = await Promise.all(subject.probes.map(ask));
  const silent = subject.probes.filter((_, i) => !bindings[i]?.available);
  const status: Status =
    silent.length === 0 ? "healthy" : silent.some((probe) => probe.required) ? "unhealthy" : "degraded";
  const data = {
    status,
    environment: subject.environment,
    worker: subject.worker,
    version: subject.version?.id || "unknown",
    bindings,
  };
  return Response.json(
    { ok: status !== "unhealthy", data },
    { status: status === "unhealthy" ? 503 : 200, headers: { "cache-control": "no-store" } },
  );
}

async function ask(probe: Probe) {
  const { name, type } = probe;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${patience} ms`)), patience);
  });
  try {
    await Promise.race([(async () => probe.touch())(), late]);
    return { name, type, available: true };
  } catch (error) {
    return { name, type, available: false, reason: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}

function bound<T>(value: T | undefined): T {
  if (value === undefined || value === null) {
    throw new Error("not bound");
  }
  return value;
}

export function d1(name: string, db: D1Database | undefined): Probe {
  return { name, type: "d1", required: true, touch: () => bound(db).prepare("SELECT 1").first() };
}

export function kv(name: string, namespace: KVNamespace | undefined): Probe {
  return { name, type: "kv_namespace", required: true, touch: () => bound(namespace).get("health") };
}

export function r2(name: string, bucket: R2Bucket | undefined): Probe {
  return { name, type: "r2_bucket", required: false, touch: () => bound(bucket).head("health") };
}

/** Touches one object of the namespace, kept for this question only. */
export function durableObject(
  name: string,
  namespace:
    | { idFromName(name: string): DurableObjectId; get(id: DurableObjectId): { ping(): Promise<unknown> } }
    | undefined,
): Probe {
  return {
    name,
    type: "durable_object_namespace",
    required: true,
    touch: () => {
      const objects = bound(namespace);
      return objects.get(objects.idFromName("health")).ping();
    },
  };
}

/** Asks another Worker for its health over a service binding. */
export function service(name: string, other: Fetcher | undefined): Probe {
  return {
    name,
    type: "service",
    required: true,
    touch: async () => {
      const answer = await bound(other).fetch("https://service/health");
      await answer.body?.cancel();
      if (answer.status !== 200) {
        throw new Error(`answered ${answer.status}`);
      }
    },
  };
}

/** For bindings that cannot be touched without an effect, such as a queue: they are there or not. */
export function present(name: string, type: string, value: unknown, required = true): Probe {
  return { name, type, required, touch: () => bound(value) };
}

/** A missing secret leaves a Worker degraded: what does not need the secret still works. */
export function secret(name: string, value: string | undefined): Probe {
  return present(name, "secret_text", value || undefined, false);
}
