package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Anycast is an address at which Cloudflare serves any proxied host name. Source:
// the users' runbook, section 3.5.
const Anycast = "104.18.0.0"

const (
	// perQuestion bounds one question and its answer.
	perQuestion = 15 * time.Second
	// largest is how much of an answer is read.
	largest = 1 << 20
)

// Options say how hosts are reached.
type Options struct {
	Resolve []Resolve
	// CACert is a PEM bundle that takes the place of the system's authorities, as
	// curl's --cacert does; empty means the system's.
	CACert []byte
	// Fallback is the address that is asked when DNS fails; empty means none.
	Fallback  string
	UserAgent string
}

// Client asks questions. It may be used from many goroutines.
type Client struct {
	http      *http.Client
	userAgent string

	mu       sync.Mutex
	roundDNS map[string]bool // hosts that were reached without DNS
	resolve  []Resolve
	fallback string
	dialer   net.Dialer
}

// New makes a client. The error says that the CA bundle holds no certificate.
func New(o Options) (*Client, error) {
	c := &Client{userAgent: o.UserAgent, roundDNS: map[string]bool{}, resolve: o.Resolve, fallback: o.Fallback}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(o.CACert) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(o.CACert) {
			return nil, errors.New("no certificate is in the CA bundle")
		}
	}
	c.http = &http.Client{
		Timeout: perQuestion,
		Transport: &http.Transport{
			DialContext: c.dial, TLSClientConfig: config, ForceAttemptHTTP2: true,
			Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second, MaxIdleConnsPerHost: 4,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// dial connects to where a host is said to be, else to where DNS says, else to
// the fallback.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	for _, r := range c.resolve {
		if to, ok := r.match(address); ok {
			return c.dialer.DialContext(ctx, network, to)
		}
	}
	conn, err := c.dialer.DialContext(ctx, network, address)
	if _, noName := errors.AsType[*net.DNSError](err); !noName || c.fallback == "" {
		return conn, err
	}
	host, port, splitErr := net.SplitHostPort(address)
	if splitErr != nil {
		return nil, err
	}
	conn, fallbackErr := c.dialer.DialContext(ctx, network, net.JoinHostPort(c.fallback, port))
	if fallbackErr != nil {
		return nil, fmt.Errorf("%w; nor does %s answer in its place: %w", err, c.fallback, fallbackErr)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.roundDNS[host] = true
	return conn, nil
}

// RoundDNS tells whether a host was reached at the fallback address because DNS
// does not know it.
func (c *Client) RoundDNS(host string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.roundDNS[host]
}

// Question is one request. Body, if not nil, is sent as JSON.
type Question struct {
	Method string
	URL    string
	Header http.Header
	Body   any
}

// Answer is what came back. Redirects are answers, they are not followed.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	Took   time.Duration
}

// Ask asks once.
func (c *Client) Ask(ctx context.Context, q Question) (Answer, error) {
	var body io.Reader
	if q.Body != nil {
		raw, err := json.Marshal(q.Body)
		if err != nil {
			return Answer{}, fmt.Errorf("%s %s: %w", q.Method, q.URL, err)
		}
		body = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(ctx, q.Method, q.URL, body)
	if err != nil {
		return Answer{}, err
	}
	for name, values := range q.Header {
		r.Header[name] = values
	}
	if q.Body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("User-Agent", c.userAgent)
	begin := time.Now()
	res, err := c.http.Do(r)
	if err != nil {
		return Answer{}, err // it names method and URL
	}
	defer res.Body.Close()
	content, err := io.ReadAll(io.LimitReader(res.Body, largest))
	if err != nil {
		return Answer{}, fmt.Errorf("%s %s: read the answer: %w", q.Method, q.URL, err)
	}
	return Answer{Status: res.StatusCode, Header: res.Header, Body: content, Took: time.Since(begin)}, nil
}

// Excerpt is the beginning of the body on one line, at most n characters.
func (a Answer) Excerpt(n int) string {
	text := strings.Join(strings.Fields(string(a.Body)), " ")
	if runes := []rune(text); len(runes) > n {
		text = string(runes[:n]) + "…"
	}
	return text
}

// Waits between questions: short at first, because a deployment takes a couple of
// seconds to be everywhere, then longer.
var waits = []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second}

// Until calls ask at once and then again and again until it gives nil or the time
// is over, and gives its last error. It tells again before each new try.
func Until(ctx context.Context, patience time.Duration, ask func(context.Context) error, again func(err error, wait time.Duration)) error {
	deadline := time.Now().Add(patience)
	for i := 0; ; i++ {
		err := ask(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		wait := waits[min(i, len(waits)-1)]
		if time.Now().Add(wait).After(deadline) {
			return err
		}
		again(err, wait)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}
