import { DurableObject } from "cloudflare:workers";
import type { Account, AccountStatus, Grant } from "@tminus/shared";
import schema from "./account.sql";
import type { Env } from "./env";

/** One calendar account: its sealed token and how far it has been read. */
export class AccountDO extends DurableObject<Env> implements Account {
  readonly #sql: SqlStorage;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(schema);
  }

  async ping(): Promise<number> {
    return this.#sql.exec<{ one: number }>("SELECT 1 AS one").one().one;
  }

  async attach(grant: Grant): Promise<void> {
    this.#sql.exec(
      "INSERT OR REPLACE INTO account (id, user_id, provider, sealed_token) VALUES (?, ?, ?, ?)",
      grant.accountId,
      grant.userId,
      grant.provider,
      grant.sealedToken,
    );
  }

  async sealedToken(): Promise<string | null> {
    const rows = this.#sql.exec<{ sealed_token: string }>("SELECT sealed_token FROM account").toArray();
    return rows[0]?.sealed_token ?? null;
  }

  async status(): Promise<AccountStatus> {
    const row = this.#sql
      .exec<{ connected: number; cursor: number; writes: number; last_sync: string | null }>(
        `SELECT (SELECT count(*) FROM account) AS connected,
                (SELECT count(*) FROM deliveries) AS cursor,
                (SELECT count(*) FROM writes) AS writes,
                (SELECT max(at) FROM deliveries) AS last_sync`,
      )
      .one();
    return { connected: row.connected > 0, cursor: row.cursor, writes: row.writes, lastSync: row.last_sync };
  }

  async recordSync(deliveryId: string): Promise<void> {
    this.#sql.exec("INSERT OR IGNORE INTO deliveries (id, at) VALUES (?, ?)", deliveryId, new Date().toISOString());
  }

  async recordWrite(eventId: string): Promise<void> {
    this.#sql.exec("INSERT OR IGNORE INTO writes (event_id) VALUES (?)", eventId);
  }
}
