const key = "next";

/** The next launch, from the cache that the schedule and every new launch refresh. */
export async function nextLaunch(env) {
  const next = (await env.CACHE.get(key, "json")) ?? (await refresh(env));
  const seconds = next && Math.round((Date.parse(next.at) - Date.now()) / 1000);
  return Response.json({ ok: true, data: { next, seconds } });
}

export async function addLaunch(request, env) {
  const body = await request.json().catch(() => null);
  const at = Date.parse(body?.at);
  const latest = Date.now() + env.HORIZON.days * 86_400_000;
  if (typeof body?.name !== "string" || body.name === "" || !(at <= latest)) {
    const message = `name must be text and at an instant within ${env.HORIZON.days} days`;
    return Response.json({ ok: false, error: { code: "bad_launch", message } }, { status: 400 });
  }
  await env.DB.prepare("INSERT OR REPLACE INTO launches (name, at) VALUES (?, ?)")
    .bind(body.name, new Date(at).toISOString())
    .run();
  await refresh(env);
  return Response.json({ ok: true, data: { name: body.name } }, { status: 201 });
}

export async function refresh(env) {
  const next = await env.DB.prepare("SELECT name, at FROM upcoming ORDER BY at LIMIT 1").first();
  await env.CACHE.put(key, JSON.stringify(next));
  return next;
}
