-- updated_at follows every change of what a user can edit.
CREATE TRIGGER users_touch
AFTER UPDATE OF email, name, password_hash ON users
BEGIN
  UPDATE users
  SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE id = NEW.id;
END;
