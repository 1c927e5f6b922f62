CREATE INDEX accounts_by_user ON accounts (user_id, provider);
