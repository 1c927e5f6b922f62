package hook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// limit is how large a body may be: GitHub does not send more than 25 MB. Source:
// docs.github.com, webhook events and payloads.
const limit = 25 << 20

// longest bounds names and ids. GitHub's ids are 36 bytes, an owner and a repository
// 39 and 100.
const longest = 160

const form = "application/x-www-form-urlencoded"

// receive reads a delivery that is signed and complete. Before the signature is
// known to be right, nothing of the body is looked at.
func (r *Receiver) receive(w http.ResponseWriter, q *http.Request) (Delivery, *refusal) {
	var none Delivery
	if q.Method != http.MethodPost {
		return none, refuse(http.StatusMethodNotAllowed, "method", "deliveries are sent with POST")
	}
	kind, _, err := mime.ParseMediaType(q.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" && kind != form {
		return none, refuse(http.StatusUnsupportedMediaType, "type", "the content type must be application/json or %s", form)
	}
	signature := q.Header.Get("X-Hub-Signature-256")
	if signature == "" {
		return none, refuse(http.StatusUnauthorized, "unsigned", "X-Hub-Signature-256 is missing: set a secret for the hook")
	}
	body, no := r.body(w, q)
	if no != nil {
		return none, no
	}
	if !r.signed(signature, body) {
		return none, refuse(http.StatusUnauthorized, "signature", "X-Hub-Signature-256 does not fit the body and the secret")
	}
	d := Delivery{GUID: q.Header.Get("X-GitHub-Delivery"), Event: q.Header.Get("X-GitHub-Event"), Hook: q.Header.Get("X-GitHub-Hook-ID"), Received: r.o.Now(), Payload: body}
	switch {
	case !named(d.GUID):
		return none, refuse(http.StatusBadRequest, "shape", "X-GitHub-Delivery is missing or no id")
	case !named(d.Event):
		return none, refuse(http.StatusBadRequest, "shape", "X-GitHub-Event is missing or no name")
	case d.Hook != "" && !named(d.Hook):
		return none, refuse(http.StatusBadRequest, "shape", "X-GitHub-Hook-ID is no id")
	}
	if kind == form {
		fields, err := url.ParseQuery(string(body))
		if err != nil || !fields.Has("payload") {
			return d, refuse(http.StatusBadRequest, "shape", "the form has no field payload")
		}
		d.Payload = []byte(fields.Get("payload"))
	}
	if err := d.read(); err != nil {
		return d, refuse(http.StatusBadRequest, "shape", "the payload is no JSON object")
	}
	return d, nil
}

// body reads a body that is not too large from a client that is not too slow.
func (r *Receiver) body(w http.ResponseWriter, q *http.Request) ([]byte, *refusal) {
	tooLarge := refuse(http.StatusRequestEntityTooLarge, "size", "the body is larger than 25 MiB")
	size := q.ContentLength
	if size > limit {
		return nil, tooLarge
	}
	if size < 0 || size > small {
		if size < 0 {
			size = limit
		}
		if err := r.larges.Acquire(q.Context(), size); err != nil {
			return nil, refuse(http.StatusRequestTimeout, "slow", "the client went away")
		}
		defer r.larges.Release(size)
	}
	// Not every server behind a handler has a connection with a deadline.
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Now().Add(sending))
	body, err := io.ReadAll(http.MaxBytesReader(w, q.Body, limit))
	_ = connection.SetReadDeadline(time.Time{})
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge
	}
	if err != nil {
		return nil, refuse(http.StatusRequestTimeout, "slow", "the body did not arrive whole in time")
	}
	return body, nil
}

// signed tells whether a body was signed with one of the secrets. It takes the same
// time whichever fits.
func (r *Receiver) signed(signature string, body []byte) bool {
	digits, ok := strings.CutPrefix(signature, "sha256=")
	given, err := hex.DecodeString(digits)
	if !ok || err != nil {
		return false
	}
	fits := false
	for _, secret := range r.o.Secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		if hmac.Equal(mac.Sum(nil), given) {
			fits = true
		}
	}
	return fits
}

// named tells whether a header is a name or an id, as GitHub writes them.
func named(s string) bool {
	return s != "" && len(s) <= longest && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
