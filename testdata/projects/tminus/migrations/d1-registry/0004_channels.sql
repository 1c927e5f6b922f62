-- Push channels: a provider's promise to call our webhook; they expire.
CREATE TABLE channels (
  id TEXT PRIMARY KEY,
  account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  expires_at TEXT NOT NULL
);

/* The cron asks "which have expired?" every hour; without this it
   would read the whole table. */
CREATE INDEX channels_by_expiry ON channels (expires_at);
