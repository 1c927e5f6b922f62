CREATE INDEX launches_by_time ON launches (at);

-- The last statement of this file ends with the file, not with a semicolon;
-- whoever appends to it must mind that.
CREATE VIEW upcoming AS
SELECT id, name, at FROM launches WHERE at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
