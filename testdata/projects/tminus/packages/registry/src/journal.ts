// What the Workers behind the queues did, for people who ask later. A row is
// keyed by its delivery, so a message that comes twice is written once.

export async function noteSync(
  db: D1Database,
  run: { deliveryId: string; accountId: string; reason: string },
): Promise<void> {
  await db
    .prepare("INSERT OR IGNORE INTO sync_runs (delivery_id, account_id, reason) VALUES (?, ?, ?)")
    .bind(run.deliveryId, run.accountId, run.reason)
    .run();
}

export async function noteWrite(
  db: D1Database,
  write: { deliveryId: string; userId: string; eventId: string; accounts: number },
): Promise<void> {
  await db
    .prepare("INSERT OR IGNORE INTO write_log (delivery_id, user_id, event_id, accounts) VALUES (?, ?, ?, ?)")
    .bind(write.deliveryId, write.userId, write.eventId, write.accounts)
    .run();
}

export async function noteToolCall(db: D1Database, call: { id: string; tool: string; ok: boolean }): Promise<void> {
  await db
    .prepare("INSERT INTO tool_calls (id, tool, ok) VALUES (?, ?, ?)")
    .bind(call.id, call.tool, call.ok ? 1 : 0)
    .run();
}

export async function noteReconcile(
  db: D1Database,
  run: { id: string; looked: number; stale: number },
): Promise<void> {
  await db
    .prepare("INSERT OR REPLACE INTO reconcile_runs (id, looked, stale) VALUES (?, ?, ?)")
    .bind(run.id, run.looked, run.stale)
    .run();
}
