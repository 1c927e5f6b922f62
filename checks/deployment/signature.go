package deployment

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// scheme begins every signature, so that another way to sign can be told apart.
const scheme = "hmac-sha256="

// Sign writes the payload as JSON, signed with a key if there is one. The signature
// covers the repository, so that a payload cannot be shown as one of another's.
func (p Payload) Sign(repository, key string) (json.RawMessage, error) {
	p.Signature = ""
	raw, err := json.Marshal(p)
	if err != nil || key == "" {
		return raw, err
	}
	if p.Signature, err = signature(raw, repository, key); err != nil {
		return nil, err
	}
	return json.Marshal(p)
}

// Signed tells whether a payload, as GitHub gives it back, was signed with a key for a
// repository. What this program does not know of it is covered too.
func Signed(raw json.RawMessage, repository, key string) bool {
	raw = object(raw)
	var p struct {
		Signature string `json:"signature"`
	}
	if key == "" || json.Unmarshal(raw, &p) != nil || p.Signature == "" {
		return false
	}
	want, err := signature(raw, repository, key)
	return err == nil && hmac.Equal([]byte(want), []byte(p.Signature))
}

// signature is the keyed hash of a payload without its signature: of its JSON with
// keys in order, because GitHub need not keep it byte for byte.
func signature(raw json.RawMessage, repository, key string) (string, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var all map[string]any
	if err := d.Decode(&all); err != nil {
		return "", fmt.Errorf("sign payload: %w", err)
	}
	delete(all, "signature")
	ordered, err := json.Marshal(all)
	if err != nil {
		return "", fmt.Errorf("sign payload: %w", err)
	}
	mac := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(mac, "%s payload of %s\n", Mark, strings.ToLower(repository))
	mac.Write(ordered)
	return scheme + hex.EncodeToString(mac.Sum(nil)), nil
}
