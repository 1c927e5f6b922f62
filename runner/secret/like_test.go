package secret

import "testing"

func TestWhatLooksLikeASecret(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		name, value string
		want        bool
	}{
		{"MODE", "one", false},
		{"ENVIRONMENT", "production", false},
		{"APP_URL", "https://app-staging.tminus.ink/login", false},
		{"LOG_LEVEL", "debug", false},
		{"MONKEY", "banana", false},
		{"FROM", "Calendar <no-reply@tminus.ink>", false},
		{"JWT_SECRET", "x", true},
		{"api_key", "x", true},
		{"KEY", "x", true},
		{"MASTER_KEY", "x", true},
		{"STRIPE", "sk_live_abcdefgh12345678", true},
		{"DB", "postgres://app:hunter2@db.example.com/x", true},
		{"ID", "9f65a567fc363fbd20bc30e4058c848a", true},
		{"BLOB", "c2VjcmV0LXZhbHVlLTEyMzQ1Njc4OTA=", true},
		{"HEADER", "Bearer abcdefghijkl", true},
		{"PEM", "-----BEGIN PRIVATE KEY-----", true},
		{"DATABASE_URL", "x", true},
	} {
		if got := Like(one.name, one.value); got != one.want {
			t.Errorf("Like(%q, %q) = %v", one.name, one.value, got)
		}
	}
}
