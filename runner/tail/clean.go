package tail

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/tminus/deploy-action/runner/secret"
)

// cleaner takes out of an event what nobody should see.
type cleaner struct{ redact func(string) string }

const mask = "***"

// patterns takes out what looks like a token, whoever made it.
var patterns = secret.Store{}.Redactor()

var (
	// header matches what follows the name of a header that carries a secret, to the end
	// of its line or its quotes.
	header = regexp.MustCompile(`(?i)\b((?:proxy-)?authorization|(?:set-)?cookie|cf-access-[a-z-]+|x-[a-z-]*(?:key|token|secret|signature)[a-z-]*)(["'\x60]?\s*[:=,]\s*)(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\n"'{}]+)`)
	// private matches the names of fields whose values are nobody's business.
	private = regexp.MustCompile(`(?i)(authorization|cookie|token|secret|passw|passphrase|credential|api_?-?key|private_?key|master_?key|jwt|signature)`)
	// link matches an address in a text.
	link = regexp.MustCompile(`\b(?:https?|wss?)://[^\s"'<>\x60]+`)
)

// text cleans a text and makes it safe for a terminal: no control characters but line
// ends and tabs.
func (c cleaner) text(text string) string {
	if text == "" {
		return ""
	}
	if c.redact != nil {
		text = c.redact(text)
	}
	text = patterns.Redact(text)
	text = link.ReplaceAllStringFunc(text, address)
	text = header.ReplaceAllString(text, "$1$2"+mask)
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || !unicode.IsControl(r) && !unicode.Is(unicode.Bidi_Control, r) {
			return r
		}
		return -1
	}, text)
}

// said is what was given to the console, the parts with blanks in between.
func (c cleaner) said(raw json.RawMessage) string {
	var v any
	if len(raw) == 0 || json.Unmarshal(raw, &v) != nil {
		return ""
	}
	parts, ok := v.([]any)
	if !ok {
		parts = []any{v}
	}
	words := make([]string, len(parts))
	for i, part := range parts {
		words[i] = c.value(part)
	}
	return c.text(strings.Join(words, " "))
}

// value writes a decoded value: a text as it is, everything else as JSON.
func (c cleaner) value(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(hidden(v)) != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// hidden is a decoded value without the members whose names say that they are secret,
// and without the second of two when the first is such a name, as in lists of headers.
func hidden(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, member := range v {
			if out[name] = hidden(member); private.MatchString(name) {
				out[name] = mask
			}
		}
		return out
	case []any:
		if name, ok := first(v).(string); ok && len(v) == 2 && private.MatchString(name) {
			return []any{name, mask}
		}
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = hidden(item)
		}
		return out
	}
	return v
}

func first(v []any) any {
	if len(v) == 0 {
		return nil
	}
	return v[0]
}

// address hides the values of a query that look like secrets, and the password of a
// user.
func address(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		text, _, _ = strings.Cut(text, "?")
		return text
	}
	if u.User != nil {
		u.User = url.User(mask)
	}
	var parts []string
	for part := range strings.SplitSeq(u.RawQuery, "&") {
		name, value, ok := strings.Cut(part, "=")
		plain, err := url.QueryUnescape(value)
		if err != nil {
			plain = value
		}
		if ok && value != "" && (slices.Contains([]string{"code", "state", "sig"}, name) || secret.Like(name, plain)) {
			part = name + "=" + mask
		}
		parts = append(parts, part)
	}
	u.RawQuery = strings.Join(parts, "&")
	u.Fragment = ""
	return strings.ReplaceAll(u.String(), "%2A%2A%2A", mask)
}

// trigger reads what a Worker was invoked for, by the fields that it has.
func (c cleaner) trigger(raw json.RawMessage) Trigger {
	var in struct {
		Request   *struct{ URL, Method string }
		Response  struct{ Status int }
		Cron      *string
		Scheduled json.RawMessage `json:"scheduledTime"`
		Queue     *string
		BatchSize int
		To        *string                       `json:"rcptTo"`
		RPC       *string                       `json:"rpcMethod"`
		Consumed  []struct{ ScriptName string } `json:"consumedEvents"`
		Message   *string
		Type      string
	}
	if json.Unmarshal(raw, &in) != nil {
		return Trigger{Kind: "event"}
	}
	t := Trigger{Kind: "event"}
	switch {
	case in.Request != nil:
		t = Trigger{Kind: "request", Method: c.text(in.Request.Method), URL: c.text(address(in.Request.URL)), Status: in.Response.Status}
	case in.Queue != nil:
		t = Trigger{Kind: "queue", Name: c.text(*in.Queue), Messages: in.BatchSize}
	case in.Cron != nil:
		t = Trigger{Kind: "cron", Name: c.text(*in.Cron)}
	case in.To != nil:
		t = Trigger{Kind: "email"} // whose it is nobody needs to see
	case in.RPC != nil:
		t = Trigger{Kind: "rpc", Method: c.text(*in.RPC)}
	case in.Consumed != nil:
		t = Trigger{Kind: "tail"}
		for _, one := range in.Consumed {
			t.Name = strings.TrimSpace(t.Name + " " + c.text(one.ScriptName))
		}
	case in.Message != nil:
		t = Trigger{Kind: "info", Name: c.text(*in.Message)}
	case len(in.Scheduled) > 0:
		var at moment
		_ = at.UnmarshalJSON(in.Scheduled) // what is no time is none
		t = Trigger{Kind: "alarm", Name: at.UTC().Format(time.RFC3339)}
	}
	return t
}
