/** The same enriched format as the T-Minus Workers: each binding is touched. */
export async function health(env) {
  const bindings = await Promise.all([
    ask("DB", "d1", () => env.DB.prepare("SELECT 1").first()),
    ask("CACHE", "kv_namespace", () => env.CACHE.get("next")),
  ]);
  const status = bindings.every((binding) => binding.available) ? "healthy" : "unhealthy";
  const data = {
    status,
    environment: env.ENVIRONMENT,
    worker: "countdown",
    version: env.CF_VERSION_METADATA?.id ?? "unknown",
    bindings,
  };
  return Response.json({ ok: status === "healthy", data }, { status: status === "healthy" ? 200 : 503 });
}

async function ask(name, type, touch) {
  try {
    await touch();
    return { name, type, available: true };
  } catch (error) {
    return { name, type, available: false, reason: String(error) };
  }
}
