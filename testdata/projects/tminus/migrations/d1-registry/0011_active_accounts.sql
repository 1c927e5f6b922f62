-- Accounts that are still connected; every Worker reads through this view.
CREATE VIEW active_accounts AS
SELECT id, user_id, provider, label
FROM accounts
WHERE disconnected_at IS NULL;
