export interface NewEvent {
  title: string;
  /** ISO 8601 instants; endsAt is after startsAt. */
  startsAt: string;
  endsAt: string;
}

export interface CalendarEvent extends NewEvent {
  id: string;
  /** True once write-consumer has handed the event to the user's calendars. */
  written: boolean;
}

/** One of the user's calendar accounts, as the user's own graph sees it. */
export interface Source {
  accountId: string;
  provider: string;
  label: string;
  changes: number;
  lastChange: string | null;
}

export interface Profile {
  userId: string;
  email: string;
}

/** What AccountDO keeps: the sealed token never leaves it in the clear. */
export interface Grant {
  accountId: string;
  userId: string;
  provider: string;
  sealedToken: string;
}

export interface AccountStatus {
  connected: boolean;
  cursor: number;
  writes: number;
  lastSync: string | null;
}

/** A calendar provider told us that something changed. */
export interface SyncMessage {
  kind: "sync";
  deliveryId: string;
  accountId: string;
  userId: string;
}

/** Nobody told us anything for a while: look for ourselves. */
export interface ReconcileMessage {
  kind: "reconcile";
  deliveryId: string;
  accountId: string;
  userId: string;
}

export interface WriteMessage {
  kind: "write";
  deliveryId: string;
  userId: string;
  eventId: string;
}

/** UserGraphDO as the other Workers call it: one object per user. */
export interface UserGraph extends Rpc.DurableObjectBranded {
  ping(): Promise<number>;
  init(profile: Profile): Promise<void>;
  addEvent(event: NewEvent): Promise<CalendarEvent>;
  listEvents(): Promise<CalendarEvent[]>;
  markWritten(eventId: string): Promise<boolean>;
  addSource(source: { accountId: string; provider: string; label: string }): Promise<void>;
  listSources(): Promise<Source[]>;
  /** Counted once per delivery, however often it arrives. */
  recordChange(deliveryId: string, accountId: string): Promise<void>;
  addNotice(text: string): Promise<string>;
  listNotices(): Promise<{ id: string; text: string }[]>;
}

/** AccountDO as the other Workers call it: one object per calendar account. */
export interface Account extends Rpc.DurableObjectBranded {
  ping(): Promise<number>;
  attach(grant: Grant): Promise<void>;
  sealedToken(): Promise<string | null>;
  status(): Promise<AccountStatus>;
  /** Counted once per delivery, as in UserGraph. */
  recordSync(deliveryId: string): Promise<void>;
  recordWrite(eventId: string): Promise<void>;
}
