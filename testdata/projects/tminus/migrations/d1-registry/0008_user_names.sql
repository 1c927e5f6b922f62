-- Optional; people who signed up earlier have none.
ALTER TABLE users ADD COLUMN name TEXT;
ALTER TABLE users ADD COLUMN updated_at TEXT;
