package notice

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// body is the generic JSON: the news, with the version of their shape in front.
func body(n News) ([]byte, error) {
	return json.Marshal(struct {
		Schema int `json:"schema"`
		News
	}{Schema, n})
}

// keyOf is the key that a secret stands for: base64 behind whsec_, as the Standard
// Webhooks write it, else its own bytes.
func keyOf(secret string) ([]byte, error) {
	text, coded := strings.CutPrefix(secret, "whsec_")
	key := []byte(secret)
	if coded {
		var err error
		if key, err = base64.StdEncoding.DecodeString(text); err != nil {
			return nil, errors.New("its secret begins with whsec_ and is no base64 behind it")
		}
	}
	if len(key) < 16 {
		return nil, errors.New("its secret is too short: 16 characters at least")
	}
	return key, nil
}

// sign sets the three headers of the Standard Webhooks. Source:
// github.com/standard-webhooks, specification 1.0.0.
func sign(h http.Header, key []byte, id string, at time.Time, body []byte) {
	seconds := strconv.FormatInt(at.Unix(), 10)
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", seconds)
	h.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac(key, id, seconds, body)))
}

func mac(key []byte, id, seconds string, body []byte) []byte {
	m := hmac.New(sha256.New, key)
	fmt.Fprintf(m, "%s.%s.%s", id, seconds, body)
	return m.Sum(nil)
}

// tolerance is how far the clocks of sender and receiver may be apart.
const tolerance = 5 * time.Minute

// Verify says why a request is not one that was signed with the secret a moment ago; it
// is what a receiver does. The body is the one that was received, byte for byte.
func Verify(secret string, h http.Header, body []byte, now time.Time) error {
	key, err := keyOf(secret)
	if err != nil {
		return fmt.Errorf("verify news: %w", err)
	}
	id, seconds := h.Get("Webhook-Id"), h.Get("Webhook-Timestamp")
	at, err := strconv.ParseInt(seconds, 10, 64)
	if id == "" || err != nil {
		return errors.New("verify news: webhook-id or webhook-timestamp is missing")
	}
	if apart := now.Sub(time.Unix(at, 0)); apart > tolerance || apart < -tolerance {
		return errors.New("verify news: they were not signed just now")
	}
	for one := range strings.FieldsSeq(h.Get("Webhook-Signature")) {
		given, ok := strings.CutPrefix(one, "v1,")
		sum, err := base64.StdEncoding.DecodeString(given)
		if ok && err == nil && hmac.Equal(sum, mac(key, id, seconds, body)) {
			return nil
		}
	}
	return errors.New("verify news: the signature does not fit the body and the secret")
}
