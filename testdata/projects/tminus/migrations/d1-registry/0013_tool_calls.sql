-- Who asked the MCP server for what; the arguments are the user's own and
-- are not kept.
CREATE TABLE tool_calls (
  id TEXT PRIMARY KEY,
  tool TEXT NOT NULL,
  ok INTEGER NOT NULL,
  called_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

CREATE TABLE reconcile_runs (
  id TEXT PRIMARY KEY,
  looked INTEGER NOT NULL,
  stale INTEGER NOT NULL,
  done_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
)
