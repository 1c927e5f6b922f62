package asset

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// claims are what a token says. Kind is session or completion.
type claims struct {
	Session string `json:"sid"`
	Kind    string `json:"kind"`
	Expires int64  `json:"exp"`
}

const lifetime = time.Hour

// token makes a signed JWT; clients look into its payload.
func (s *Sessions) token(session, kind string) string {
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`))
	body, _ := json.Marshal(claims{session, kind, s.mint.Clock().Add(lifetime).Unix()}) // strings and a number are always JSON
	signed := header + "." + base64.RawURLEncoding.EncodeToString(body)
	return signed + "." + s.sign(signed)
}

func (s *Sessions) sign(text string) string {
	mac := hmac.New(sha256.New, s.key)
	_, _ = mac.Write([]byte(text)) // a hash takes everything
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (s *Sessions) read(jwt, kind string) (claims, error) {
	var c claims
	signed, signature, ok := cutLast(jwt, ".")
	if !ok || !hmac.Equal([]byte(signature), []byte(s.sign(signed))) {
		return c, errors.New("it was not made by this account")
	}
	_, payload, _ := strings.Cut(signed, ".")
	body, err := base64.RawURLEncoding.DecodeString(payload)
	if err == nil {
		err = json.Unmarshal(body, &c)
	}
	switch {
	case err != nil:
		return c, err
	case c.Kind != kind:
		return c, errors.New("it is a token for the " + c.Kind + ", not for the " + kind)
	case s.mint.Clock().Unix() >= c.Expires:
		return c, errors.New("it has expired")
	}
	return c, nil
}

func cutLast(text, sep string) (before, after string, found bool) {
	i := strings.LastIndex(text, sep)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(sep):], true
}
