package notice

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The kinds of destinations.
const (
	Slack = "slack" // an incoming webhook of Slack, or of whoever takes its shape
	JSON  = "json"  // the generic JSON, signed
)

// Destination is where news go. Its address is a secret, like the key that signs:
// whoever knows an incoming webhook's address may write there.
type Destination struct {
	Name, Kind  string
	URL, Secret string
	// Insecure allows plain HTTP to an address that is not private.
	Insecure bool
}

// String hides the address and the secret from fmt.
func (d Destination) String() string { return d.Name + " (" + d.Kind + ")" }

// GoString hides them from %#v.
func (d Destination) GoString() string { return d.String() }

// LogValue implements slog.LogValuer.
func (d Destination) LogValue() slog.Value { return slog.StringValue(d.String()) }

// The time that one attempt may take, and the longest Retry-After that is waited for.
const (
	timeout     = 10 * time.Second
	longestWait = 30 * time.Second
)

// Messenger sends news to one destination.
type Messenger struct {
	to     Destination
	key    []byte
	client *http.Client
	agent  string
}

var name = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// New makes a messenger. Its errors name the destination, never its address.
func New(to Destination, userAgent string) (*Messenger, error) {
	wrong := func(format string, args ...any) (*Messenger, error) {
		return nil, fmt.Errorf("notify %s: %s", to.Name, fmt.Sprintf(format, args...))
	}
	if !name.MatchString(to.Name) {
		return nil, fmt.Errorf("notify %q: a name is made of small letters, digits and hyphens, 40 at most", to.Name)
	}
	u, err := url.Parse(to.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return wrong("its address is no URL that begins with https://")
	}
	if u.Scheme == "http" && !to.Insecure && public(u.Hostname()) {
		return wrong("its address is public and not encrypted: take https://, or say insecure: true")
	}
	m := &Messenger{to: to, agent: userAgent}
	switch to.Kind {
	case Slack:
	case JSON:
		if to.Secret == "" {
			return wrong("it has no secret to sign with")
		}
		if m.key, err = keyOf(to.Secret); err != nil {
			return wrong("%s", err)
		}
	default:
		return wrong("kind %q is none of slack and json", to.Kind)
	}
	m.client = &http.Client{Transport: transport(u.Scheme == "http" && !to.Insecure), Timeout: timeout, CheckRedirect: sameHost}
	return m, nil
}

// Name is the destination's.
func (m *Messenger) Name() string { return m.to.Name }

// Error is news that were not taken.
type Error struct {
	Destination string
	Reason      string
	// Status is the answer's, zero without one.
	Status int
	// Permanent: sending the same again will not help.
	Permanent bool
	// After is how long the destination wants to be left alone.
	After time.Duration
}

// Error implements error.
func (e *Error) Error() string { return "notify " + e.Destination + ": " + e.Reason }

// Send sends news once, and once more if the destination says when. An error is an
// [*Error].
func (m *Messenger) Send(ctx context.Context, n News) error {
	err := m.send(ctx, n)
	no, ok := errors.AsType[*Error](err)
	if !ok || no.Permanent || no.After <= 0 || no.After > longestWait {
		return err
	}
	select {
	case <-time.After(no.After):
		return m.send(ctx, n)
	case <-ctx.Done():
		return err
	}
}

func (m *Messenger) send(ctx context.Context, n News) error {
	write := body
	if m.to.Kind == Slack {
		write = slack
	}
	raw, err := write(n)
	if err != nil {
		return &Error{Destination: m.to.Name, Reason: "the news cannot be written down: " + err.Error(), Permanent: true}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, m.to.URL, bytes.NewReader(raw))
	if err != nil { // the error would show the address
		return &Error{Destination: m.to.Name, Reason: "its address cannot be asked", Permanent: true}
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", m.agent)
	if m.to.Kind == JSON {
		sign(r.Header, m.key, n.ID, time.Now(), raw)
	}
	res, err := m.client.Do(r)
	if err != nil {
		return &Error{Destination: m.to.Name, Reason: m.bare(err)}
	}
	defer res.Body.Close()
	return m.answered(res)
}

// bare is an error of the connection without the address that the library puts into it.
func (m *Messenger) bare(err error) string {
	if timed, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && timed.Timeout() {
		return fmt.Sprintf("no answer within %s", timeout)
	}
	if whole, ok := errors.AsType[*url.Error](err); ok {
		err = whole.Err
	}
	text := err.Error()
	if u, parsed := url.Parse(m.to.URL); parsed == nil && (strings.Contains(text, m.to.URL) || len(u.Path) > 1 && strings.Contains(text, u.Path)) {
		return "it cannot be reached"
	}
	return text
}

// told matches what Slack says is wrong, such as no_service. Nothing else of an answer
// is repeated: it may hold anything, the address too.
var told = regexp.MustCompile(`^[a-z]+(_[a-z]+)+$`)

// answered is what an answer means.
func (m *Messenger) answered(res *http.Response) error {
	said, _ := io.ReadAll(io.LimitReader(res.Body, 64))
	if res.StatusCode/100 == 2 {
		return nil
	}
	no := &Error{Destination: m.to.Name, Status: res.StatusCode, Reason: fmt.Sprintf("it answered %d %s", res.StatusCode, http.StatusText(res.StatusCode))}
	if why := string(said); told.MatchString(why) && !strings.Contains(m.to.URL+m.to.Secret, why) {
		no.Reason += ": " + why
	}
	switch {
	case res.StatusCode == http.StatusTooManyRequests, res.StatusCode == http.StatusRequestTimeout, res.StatusCode/100 == 5:
		no.After = retryAfter(res.Header.Get("Retry-After"), time.Now())
	case res.StatusCode/100 == 3:
		no.Reason, no.Permanent = no.Reason+": to another host, or without the news, it is not followed", true
	default:
		no.Permanent = true
	}
	return no
}

// retryAfter reads the header in either of its forms.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 && seconds < 1<<20 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
