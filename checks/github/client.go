package github

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	gh "github.com/google/go-github/v60/github"
	"github.com/hashicorp/go-retryablehttp"
)

// Options say which repository is meant and who asks.
type Options struct {
	// BaseURL is the root of the REST API, as GITHUB_API_URL has it: another one for
	// a GitHub Enterprise server. Empty means https://api.github.com.
	BaseURL string
	Token   string
	// Repository is owner/name.
	Repository string
	UserAgent  string
	// Transport authenticates calls in place of a token, as an App's does; nil for none.
	Transport http.RoundTripper
	// Timeout bounds one attempt of a call; 10 s if it is zero.
	Timeout time.Duration
	// Retries is how often a call is repeated at most; zero means three times, a
	// negative number never.
	Retries int
}

// Client asks one repository's API. It may be used from several goroutines.
type Client struct {
	owner, name string
	safe        *gh.Client // repeats what may be done twice
	once        *gh.Client // repeats only what surely was not done
	rate        atomic.Pointer[Rate]
}

// New makes a client. It asks nothing yet.
func New(o Options) (*Client, error) {
	owner, name, ok := strings.Cut(o.Repository, "/")
	if !ok || owner == "" || name == "" || strings.Contains(name, "/") {
		return nil, fmt.Errorf("%q is no repository: it is written owner/name", o.Repository)
	}
	if o.BaseURL == "" {
		o.BaseURL = "https://api.github.com"
	}
	base, err := url.Parse(strings.TrimRight(o.BaseURL, "/") + "/")
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, fmt.Errorf("%q is no URL of an API", o.BaseURL)
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Retries == 0 {
		o.Retries = 3
	}
	own := http.DefaultTransport.(*http.Transport).Clone()
	own.MaxIdleConnsPerHost = 16
	transport := http.RoundTripper(own)
	if o.Transport != nil {
		transport = o.Transport
	}
	make := func(again func(*http.Response, error) bool) *gh.Client {
		c := gh.NewClient(repeating(transport, o, again))
		if o.Token != "" {
			c = c.WithAuthToken(o.Token)
		}
		c.BaseURL, c.UserAgent = base, o.UserAgent
		return c
	}
	return &Client{owner: owner, name: name, safe: make(mayRepeat), once: make(notDone)}, nil
}

// The waits between attempts. A limit that lasts longer than the longest is
// reported, not waited for.
const (
	shortestWait = 500 * time.Millisecond
	longestWait  = 15 * time.Second
)

// repeating is an HTTP client that repeats calls as a policy allows.
func repeating(t http.RoundTripper, o Options, again func(*http.Response, error) bool) *http.Client {
	c := retryablehttp.NewClient()
	c.HTTPClient = &http.Client{Transport: t, Timeout: o.Timeout}
	c.Logger = nil
	c.RetryMax = max(o.Retries, 0)
	c.RetryWaitMin, c.RetryWaitMax = shortestWait, 4*time.Second
	c.ErrorHandler = func(res *http.Response, err error, _ int) (*http.Response, error) {
		if err != nil && res != nil {
			_ = res.Body.Close()
			res = nil // net/http complains of both
		}
		return res, err
	}
	c.CheckRetry = func(ctx context.Context, res *http.Response, err error) (bool, error) {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		return again(res, err), nil
	}
	c.Backoff = func(low, high time.Duration, attempt int, res *http.Response) time.Duration {
		if wait, ok := limited(res); ok && wait > 0 {
			return wait
		}
		return retryablehttp.LinearJitterBackoff(low, low*2, attempt, nil)
	}
	return c.StandardClient()
}

// mayRepeat allows another attempt when there was no answer, the server failed, or
// a limit ends soon.
func mayRepeat(res *http.Response, err error) bool {
	if err != nil || res.StatusCode >= 500 {
		return true
	}
	return notDone(res, err)
}

// notDone allows another attempt only when the call was surely not done: no
// connection was made, or a limit refused it and ends soon.
func notDone(res *http.Response, err error) bool {
	if err != nil {
		op, ok := errors.AsType[*net.OpError](err)
		return ok && op.Op == "dial"
	}
	wait, ok := limited(res)
	return ok && wait <= longestWait
}

// limited tells whether a rate limit refused a call, and how long it lasts. Source:
// docs.github.com, rate limits for the REST API: 403 or 429 with Retry-After, or
// with no calls remaining until a reset.
func limited(res *http.Response) (time.Duration, bool) {
	if res == nil || res.StatusCode != http.StatusForbidden && res.StatusCode != http.StatusTooManyRequests {
		return 0, false
	}
	if after, err := time.ParseDuration(res.Header.Get("Retry-After") + "s"); err == nil {
		return after, true
	}
	if res.Header.Get("X-RateLimit-Remaining") == "0" {
		if reset, err := time.ParseDuration(res.Header.Get("X-RateLimit-Reset") + "s"); err == nil {
			return max(time.Until(time.Unix(int64(reset.Seconds()), 0)), time.Second), true
		}
	}
	return time.Second, res.StatusCode == http.StatusTooManyRequests
}

// repo is a path below the repository.
func (c *Client) repo(format string, args ...any) string {
	return "repos/" + c.owner + "/" + c.name + "/" + fmt.Sprintf(format, args...)
}

// Repository is owner/name.
func (c *Client) Repository() string { return c.owner + "/" + c.name }

// call makes one call: with is the client that may or may not repeat it.
func (c *Client) call(ctx context.Context, with *gh.Client, op, method, path string, body, into any) (*gh.Response, error) {
	r, err := with.NewRequest(method, path, body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	res, err := with.Do(ctx, r, into)
	c.count(res)
	return res, refused(op, err)
}
