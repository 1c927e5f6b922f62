package cloudflare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

const (
	defaultAtOnce = 32
	// attempts in all; the waits between them are 0.5, 1, 2 and 4 seconds unless
	// Cloudflare says how long.
	attempts = 5
	// perAttempt bounds one answer, perCall all attempts of a call together.
	perAttempt = 60 * time.Second
	perCall    = 2 * time.Minute
	// longestWait is the longest Retry-After that is obeyed; a longer one is an error.
	longestWait = time.Minute
)

// newHTTPClient is the way of every call: bounded in number, each attempt bounded
// in time, repeated where that is safe, and judged by its envelope.
func newHTTPClient(o Options) *http.Client {
	inner := o.Transport
	if inner == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = 32
		inner = t
	}
	atOnce := o.AtOnce
	if atOnce <= 0 {
		atOnce = defaultAtOnce
	}
	retry := retryablehttp.NewClient()
	retry.Logger = nil
	retry.HTTPClient = &http.Client{Transport: &collected{inner: inner, room: make(chan struct{}, atOnce)}}
	retry.RetryMax = attempts - 1
	retry.RetryWaitMin = 500 * time.Millisecond
	retry.Backoff = backoff
	retry.CheckRetry = check
	retry.ErrorHandler = retryablehttp.PassthroughErrorHandler
	retry.RequestLogHook = func(_ retryablehttp.Logger, r *http.Request, n int) {
		if n > 0 && o.Notice != nil {
			o.Notice(fmt.Sprintf("%s %s is tried again (attempt %d of %d)", r.Method, below(r.URL), n+1, attempts))
		}
	}
	return &http.Client{Transport: judged{&retryablehttp.RoundTripper{Client: retry}}}
}

// answer is a body read whole, with what it says if it is a refusal.
type answer struct {
	io.Reader
	refusal *Error
}

// Close implements io.Closer.
func (*answer) Close() error { return nil }

// refusalOf is the refusal that a response carries, nil if it is a success.
func refusalOf(res *http.Response) *Error {
	if res == nil {
		return nil
	}
	a, ok := res.Body.(*answer)
	if !ok {
		return nil
	}
	return a.refusal
}

// collected sends a request when there is room, waits for the whole answer and
// reads its envelope.
type collected struct {
	inner http.RoundTripper
	room  chan struct{}
}

// RoundTrip implements http.RoundTripper.
func (c *collected) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case c.room <- struct{}{}:
		defer func() { <-c.room }()
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	ctx := r.Context()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		// What was begun may take effect after somebody has looked what there is, and has
		// put back what was changed until then.
		var end context.CancelFunc
		ctx, end = lingering(ctx)
		defer end()
	}
	ctx, cancel := context.WithTimeout(ctx, perAttempt)
	defer cancel()
	res, err := c.inner.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil {
		return nil, err
	}
	res.Body = &answer{Reader: bytes.NewReader(body), refusal: parseError(r, res.StatusCode, res.Header, body)}
	return res, nil
}

// judged limits all attempts of a call together and makes a refusal an error.
type judged struct{ inner http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (j judged) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeoutCause(r.Context(), perCall, errTooSlow)
	defer cancel()
	res, err := j.inner.RoundTrip(r.WithContext(ctx))
	switch refused := refusalOf(res); {
	case refused != nil:
		return nil, refused
	case err != nil && errors.Is(context.Cause(ctx), errTooSlow):
		return nil, errTooSlow
	case err != nil:
		return nil, err
	}
	return res, nil
}

var errTooSlow = fmt.Errorf("no good answer within %s", perCall)

// repeatable are calls whose second effect is the first one over again: reading,
// setting a whole to a value, taking something away, and making a version, of
// which a second one is never deployed. Everything else is repeated only when it
// was certainly not taken.
var repeatable = regexp.MustCompile(`^(GET|HEAD|DELETE) ` +
	`|^POST .*/scripts/[^/]+/(versions|deployments|subdomain|assets-upload-session)$` +
	`|^POST .*/assets/upload$` +
	`|^PUT .*/(schedules|domains|consumers/[^/]+|workflows/[^/]+|routes/[^/]+|secrets)$` +
	`|^PATCH .*/(script-settings|settings|secrets-bulk|versions/latest)$`)

// check tells whether a failed attempt is worth and safe to be repeated.
func check(ctx context.Context, res *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	if err != nil {
		return retryError(err), nil
	}
	refused := refusalOf(res)
	if refused == nil {
		return false, nil
	}
	switch {
	case waitFor(res) > longestWait:
		return false, nil
	case refused.Status == http.StatusTooManyRequests || Has(refused, 971):
		return true, nil // it was not taken
	case Has(refused, 100146):
		return true, nil // a version that the account does not see yet
	case refused.Status >= 500:
		return repeatable.MatchString(refused.Call), nil
	}
	return false, nil
}

// retryError judges an attempt that got no answer.
func retryError(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return true // it was never sent
	}
	u, ok := errors.AsType[*url.Error](err)
	if !ok {
		return false
	}
	parsed, perr := url.Parse(u.URL)
	return perr == nil && repeatable.MatchString(strings.ToUpper(u.Op)+" "+below(parsed))
}

// backoff waits as long as Cloudflare asks, else half a second and then twice as
// long each time.
func backoff(first, _ time.Duration, attempt int, res *http.Response) time.Duration {
	return max(waitFor(res), first<<attempt)
}

// waitFor is the time that an answer asks to wait.
func waitFor(res *http.Response) time.Duration {
	if res == nil {
		return 0
	}
	after := res.Header.Get("Retry-After")
	if d, err := time.ParseDuration(after + "s"); err == nil {
		return d
	}
	if at, err := http.ParseTime(after); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}
