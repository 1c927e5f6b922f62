export interface AccountRow {
  id: string;
  user_id: string;
  provider: string;
  label: string;
}

export async function insertAccount(db: D1Database, account: AccountRow): Promise<void> {
  await db
    .prepare("INSERT OR IGNORE INTO accounts (id, user_id, provider, label) VALUES (?, ?, ?, ?)")
    .bind(account.id, account.user_id, account.provider, account.label)
    .run();
}

export async function accountsOf(db: D1Database, userId: string): Promise<AccountRow[]> {
  const { results } = await db
    .prepare("SELECT id, user_id, provider, label FROM active_accounts WHERE user_id = ? ORDER BY id")
    .bind(userId)
    .all<AccountRow>();
  return results;
}

export async function activeAccounts(db: D1Database, limit: number): Promise<AccountRow[]> {
  const { results } = await db
    .prepare("SELECT id, user_id, provider, label FROM active_accounts ORDER BY id LIMIT ?")
    .bind(limit)
    .all<AccountRow>();
  return results;
}
