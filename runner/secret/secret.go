package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Store holds secrets by name. Its String form shows nothing.
type Store struct{ values map[string]string }

// Load takes the named secrets that lookup knows, such as os.LookupEnv. Empty
// values count as unset.
func Load(names []string, lookup func(string) (string, bool)) Store {
	s := Store{values: map[string]string{}}
	for _, name := range names {
		if v, ok := lookup(name); ok && v != "" {
			s.values[name] = v
		}
	}
	return s
}

// String hides the values from fmt.
func (s Store) String() string { return "secrets: " + strings.Join(s.Names(), ", ") }

// GoString hides the values from %#v.
func (s Store) GoString() string { return s.String() }

// Names are the names of the secrets that are set, sorted.
func (s Store) Names() []string {
	names := make([]string, 0, len(s.values))
	for name := range s.values {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Value gives a secret to whoever sends it to where it belongs.
func (s Store) Value(name string) (string, bool) {
	v, ok := s.values[name]
	return v, ok
}

// Fingerprint tells whether two values are equal without telling what they are:
// a keyed hash, so that a short value cannot be guessed from it without the key.
func (s Store) Fingerprint(key, name string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(s.values[name]))
	return hex.EncodeToString(mac.Sum(nil))
}

// Redactor takes secrets out of texts. A nil Redactor changes nothing.
type Redactor struct{ replacer *strings.Replacer }

// mask stands where a secret stood, as on GitHub.
const mask = "***"

// shortest is the length below which a value is not looked for: it would be found
// in ordinary words. Such a value is no secret worth the name.
const shortest = 4

// Redactor makes a redactor for the stored secrets and for some other values.
// Besides a value itself it knows the value in JSON, in a URL and in base64, and
// each line of a value that has several.
func (s Store) Redactor(others ...string) *Redactor {
	forms := map[string]bool{}
	add := func(v string) {
		if len(v) >= shortest {
			forms[v] = true
		}
	}
	for _, v := range append(others, s.all()...) {
		for _, part := range append(strings.Split(v, "\n"), v) {
			part = strings.TrimRight(part, "\r")
			add(part)
			add(strings.TrimSpace(part))
			add(url.QueryEscape(part))
			add(base64.StdEncoding.EncodeToString([]byte(part)))
			add(base64.RawURLEncoding.EncodeToString([]byte(part)))
			add(quoted(part, true))
			add(quoted(part, false))
		}
	}
	sorted := make([]string, 0, len(forms))
	for v := range forms {
		sorted = append(sorted, v)
	}
	slices.SortFunc(sorted, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a) // the longest first, or a part would be left over
		}
		return strings.Compare(a, b)
	})
	pairs := make([]string, 0, 2*len(sorted))
	for _, v := range sorted {
		pairs = append(pairs, v, mask)
	}
	return &Redactor{replacer: strings.NewReplacer(pairs...)}
}

// quoted is a value inside a JSON text, with or without the escapes for HTML.
func quoted(v string, html bool) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	if e.Encode(v) != nil {
		return v
	}
	text := strings.TrimSuffix(b.String(), "\n")
	return text[1 : len(text)-1]
}

func (s Store) all() []string {
	var values []string
	for _, name := range s.Names() {
		values = append(values, s.values[name])
	}
	return values
}

var (
	// token matches a JSON Web Token, whoever made it.
	token = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]*`)
	// bearer matches what follows the word in a header.
	bearer = regexp.MustCompile(`(?i)\b(bearer|basic) +[A-Za-z0-9+/._~=-]{8,}`)
	// field matches a JSON field whose name says that its value is nobody's business.
	field = regexp.MustCompile(`(?i)("[a-z_-]*(?:password|secret|token|api_?key|authorization)[a-z_-]*"\s*:\s*)"(?:[^"\\]|\\.)*"`)
)

// Redact gives a text without secrets: those that are known, and what looks like
// a token, a credential or a password.
func (r *Redactor) Redact(text string) string {
	if r == nil {
		return text
	}
	text = r.replacer.Replace(text)
	text = token.ReplaceAllString(text, mask)
	text = bearer.ReplaceAllString(text, "$1 "+mask)
	return field.ReplaceAllString(text, `$1"`+mask+`"`)
}
