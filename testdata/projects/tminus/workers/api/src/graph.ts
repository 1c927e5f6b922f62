import { DurableObject } from "cloudflare:workers";
import { newId, type CalendarEvent, type NewEvent, type Profile, type Source, type UserGraph } from "@tminus/shared";
import type { Env } from "./env";
import schema from "./graph.sql";

type EventRow = { id: string; title: string; starts_at: string; ends_at: string; written: number };
type SourceRow = { account_id: string; provider: string; label: string; changes: number; last_change: string | null };

/** Everything one user has: events, connected calendars and notices. */
export class UserGraphDO extends DurableObject<Env> implements UserGraph {
  readonly #sql: SqlStorage;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(schema);
  }

  async ping(): Promise<number> {
    return this.#sql.exec<{ one: number }>("SELECT 1 AS one").one().one;
  }

  async init(profile: Profile): Promise<void> {
    this.#sql.exec("INSERT OR REPLACE INTO profile (user_id, email) VALUES (?, ?)", profile.userId, profile.email);
  }

  async addEvent(event: NewEvent): Promise<CalendarEvent> {
    const added = { id: newId("evt"), ...event, written: false };
    this.#sql.exec(
      "INSERT INTO events (id, title, starts_at, ends_at) VALUES (?, ?, ?, ?)",
      added.id,
      added.title,
      added.startsAt,
      added.endsAt,
    );
    return added;
  }

  async listEvents(): Promise<CalendarEvent[]> {
    const rows = this.#sql.exec<EventRow>("SELECT id, title, starts_at, ends_at, written FROM events ORDER BY starts_at, id");
    return rows.toArray().map((row) => ({
      id: row.id,
      title: row.title,
      startsAt: row.starts_at,
      endsAt: row.ends_at,
      written: row.written === 1,
    }));
  }

  async markWritten(eventId: string): Promise<boolean> {
    return this.#sql.exec("UPDATE events SET written = 1 WHERE id = ?", eventId).rowsWritten > 0;
  }

  async addSource(source: { accountId: string; provider: string; label: string }): Promise<void> {
    this.#sql.exec(
      "INSERT OR IGNORE INTO sources (account_id, provider, label) VALUES (?, ?, ?)",
      source.accountId,
      source.provider,
      source.label,
    );
  }

  async listSources(): Promise<Source[]> {
    const rows = this.#sql.exec<SourceRow>(
      `SELECT s.account_id, s.provider, s.label, count(c.delivery_id) AS changes, max(c.at) AS last_change
       FROM sources s LEFT JOIN changes c ON c.account_id = s.account_id
       GROUP BY s.account_id ORDER BY s.account_id`,
    );
    return rows.toArray().map((row) => ({
      accountId: row.account_id,
      provider: row.provider,
      label: row.label,
      changes: row.changes,
      lastChange: row.last_change,
    }));
  }

  async recordChange(deliveryId: string, accountId: string): Promise<void> {
    this.#sql.exec(
      "INSERT OR IGNORE INTO changes (delivery_id, account_id, at) VALUES (?, ?, ?)",
      deliveryId,
      accountId,
      new Date().toISOString(),
    );
  }

  async addNotice(text: string): Promise<string> {
    const id = newId("ntc");
    this.#sql.exec("INSERT INTO notices (id, text) VALUES (?, ?)", id, text);
    return id;
  }

  async listNotices(): Promise<{ id: string; text: string }[]> {
    return this.#sql.exec<{ id: string; text: string }>("SELECT id, text FROM notices ORDER BY id").toArray();
  }
}
