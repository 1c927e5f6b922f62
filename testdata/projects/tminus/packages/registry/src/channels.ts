/** A channel is a provider's promise to call our webhook when an account changes. */
export interface ChannelRow {
  id: string;
  account_id: string;
  user_id: string;
}

export async function insertChannel(db: D1Database, id: string, accountId: string, expiresAt: string): Promise<void> {
  await db
    .prepare("INSERT OR IGNORE INTO channels (id, account_id, expires_at) VALUES (?, ?, ?)")
    .bind(id, accountId, expiresAt)
    .run();
}

export function channelById(db: D1Database, id: string, now: string): Promise<ChannelRow | null> {
  return db
    .prepare(
      `SELECT c.id, c.account_id, a.user_id
       FROM channels c JOIN active_accounts a ON a.id = c.account_id
       WHERE c.id = ? AND c.expires_at > ?`,
    )
    .bind(id, now)
    .first<ChannelRow>();
}

/** The number of channels that were dropped. */
export async function dropExpiredChannels(db: D1Database, now: string): Promise<number> {
  const { meta } = await db.prepare("DELETE FROM channels WHERE expires_at <= ?").bind(now).run();
  return meta.changes;
}
