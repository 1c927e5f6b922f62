package secret

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func store(values map[string]string) Store {
	var names []string
	for name := range values {
		names = append(names, name)
	}
	return Load(names, func(name string) (string, bool) { v, ok := values[name]; return v, ok })
}

func TestSecretsAreTakenOutInEveryForm(t *testing.T) {
	t.Parallel()
	const value = `s3cr+t/"va lue"&x`
	r := store(map[string]string{"A": value, "B": "line one\nline two", "C": "s3cr+t/", "EMPTY": "", "SHORT": "ab"}).Redactor("api-token")
	for _, text := range []string{
		value,
		"before " + value + " after",
		url.QueryEscape(value),
		base64.StdEncoding.EncodeToString([]byte(value)),
		fmt.Sprintf("%q", value),
		"x line two y",
		"api-token",
		"Authorization: Bearer abcdefgh12345",
		`{"access_token":"abc","user":"u"}`,
		`{"newPassword" : "a\"b"}`,
		"jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig",
	} {
		got := r.Redact(text)
		for _, leak := range []string{"s3cr", "lue", "line two", "api-token", "abcdefgh", `"abc"`, `a\"b`, "eyJ", base64.StdEncoding.EncodeToString([]byte(value))} {
			if strings.Contains(got, leak) {
				t.Errorf("%q became %q, which still holds %q", text, got, leak)
			}
		}
	}
	for _, plain := range []string{"a cab in Aberdeen", "tokens: 5", `{"user":"u","status":"ok"}`} {
		if got := r.Redact(plain); got != plain {
			t.Errorf("%q became %q", plain, got)
		}
	}
}

func TestAStoreShowsNamesOnly(t *testing.T) {
	t.Parallel()
	s := store(map[string]string{"JWT_SECRET": "hunter2hunter2", "UNSET": ""})
	for _, shown := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v", s, s, s)} {
		if strings.Contains(shown, "hunter2") || !strings.Contains(shown, "JWT_SECRET") || strings.Contains(shown, "UNSET") {
			t.Errorf("shown as %s", shown)
		}
	}
}

func TestFingerprintsTellEqualFromDifferent(t *testing.T) {
	t.Parallel()
	s := store(map[string]string{"A": "same", "B": "same", "C": "other"})
	if s.Fingerprint("k", "A") != s.Fingerprint("k", "B") || s.Fingerprint("k", "A") == s.Fingerprint("k", "C") || s.Fingerprint("k", "A") == s.Fingerprint("l", "A") {
		t.Error("fingerprints do not follow value and key")
	}
}

func TestANilRedactorChangesNothing(t *testing.T) {
	t.Parallel()
	var r *Redactor
	if r.Redact("Bearer abcdefghijk") != "Bearer abcdefghijk" {
		t.Error("changed")
	}
}

// No form of a secret survives, whatever surrounds it.
func FuzzRedact(f *testing.F) {
	f.Add("hunter2!", "before ", " after")
	f.Add(`a"b\c`, "{", "}")
	f.Fuzz(func(t *testing.T, value, before, after string) {
		if len(strings.TrimSpace(value)) < shortest || strings.ContainsAny(value, "\n*") || strings.Contains(before+mask+after, value) {
			return
		}
		if got := store(map[string]string{"A": value}).Redactor().Redact(before + value + after); strings.Contains(got, value) {
			t.Fatalf("%q survives in %q", value, got)
		}
	})
}
