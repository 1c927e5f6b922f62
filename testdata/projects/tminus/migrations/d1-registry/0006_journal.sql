-- What the queue consumers did. One row per delivery; a message that arrives
-- twice doesn't count twice; "reason" says who asked.
CREATE TABLE sync_runs (
  delivery_id TEXT PRIMARY KEY,
  account_id TEXT NOT NULL,
  reason TEXT NOT NULL DEFAULT 'it''s a push; not a poll', -- for rows from before "reason"; don't rely on it
  done_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

CREATE TABLE write_log (
  delivery_id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  event_id TEXT NOT NULL,
  accounts INTEGER NOT NULL DEFAULT 0,
  done_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
