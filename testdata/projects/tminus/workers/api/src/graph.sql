CREATE TABLE IF NOT EXISTS profile (
  user_id TEXT PRIMARY KEY,
  email TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS events (
  id TEXT PRIMARY KEY,
  title TEXT NOT NULL,
  starts_at TEXT NOT NULL,
  ends_at TEXT NOT NULL,
  written INTEGER NOT NULL DEFAULT 0
);

CREATE INDEX IF NOT EXISTS events_by_start ON events (starts_at);

CREATE TABLE IF NOT EXISTS sources (
  account_id TEXT PRIMARY KEY,
  provider TEXT NOT NULL,
  label TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS changes (
  delivery_id TEXT PRIMARY KEY,
  account_id TEXT NOT NULL,
  at TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS notices (
  id TEXT PRIMARY KEY,
  text TEXT NOT NULL
);
