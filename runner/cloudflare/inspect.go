package cloudflare

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/cloudflare/cloudflare-go/v7/dns"
	"github.com/cloudflare/cloudflare-go/v7/durable_objects"
	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/queues"
)

// Backlog is what waits in a queue. Cloudflare counts it from time to time, so it
// may be some seconds old. Source: cloudflare-go v7.9.0, queues.GetMetrics.
type Backlog struct {
	Count int64 `json:"backlog_count"`
	Bytes int64 `json:"backlog_bytes"`
	// Oldest is when the oldest message was sent, in milliseconds since 1970; zero
	// when there is none.
	Oldest int64 `json:"oldest_message_timestamp_ms"`
}

// Since is when the oldest message was sent; the zero time when there is none.
func (b Backlog) Since() time.Time {
	if b.Oldest == 0 {
		return time.Time{}
	}
	return time.UnixMilli(b.Oldest)
}

// Backlog counts what waits in a queue, by the queue's id.
func (c *Client) Backlog(ctx context.Context, queue string) (Backlog, error) {
	var p queues.QueueGetMetricsParams
	c.in(&p.AccountID.Value)
	b, err := ask[Backlog](func(o ...option.RequestOption) error {
		_, err := c.queues.GetMetrics(ctx, queue, p, o...)
		return err
	})
	return b, wrap(err, "read the backlog of queue %s", queue)
}

// Objects is where the objects of a Durable Object class are kept.
type Objects struct {
	ID     string `json:"id"`
	Class  string `json:"class"`
	Script string `json:"script"`
	SQLite bool   `json:"use_sqlite"`
}

// Objects lists the namespaces of all Durable Object classes of the account.
func (c *Client) Objects(ctx context.Context) ([]Objects, error) {
	var p durable_objects.NamespaceListParams
	c.in(&p.AccountID.Value)
	all, err := pages[Objects](func(o ...option.RequestOption) error {
		_, err := c.objects.List(ctx, p, o...)
		return err
	})
	return all, wrap(err, "list the Durable Object namespaces")
}

// WholeRecord is a DNS record with where it leads and when somebody touched it last.
type WholeRecord struct {
	Record
	Content  string `json:"content"`
	Modified Time   `json:"modified_on"`
	Comment  string `json:"comment"`
}

// WholeRecords lists all DNS records of a zone. It wants the permission DNS:Read.
func (c *Client) WholeRecords(ctx context.Context, zone string) ([]WholeRecord, error) {
	var p dns.RecordListParams
	p.ZoneID.Value = zone
	all, err := pages[WholeRecord](func(o ...option.RequestOption) error {
		_, err := c.records.List(ctx, p, o...)
		return err
	})
	return all, wrap(err, "list the DNS records of zone %s", zone)
}

// Clock is a transport that compares this machine's clock with the Date of each
// answer. The zero Clock is ready.
type Clock struct {
	once  sync.Once
	inner http.RoundTripper

	mu   sync.Mutex
	skew time.Duration
	best time.Duration // of the answer that came fastest, which says it most exactly
	told bool
}

// RoundTrip implements http.RoundTripper.
func (c *Clock) RoundTrip(r *http.Request) (*http.Response, error) {
	c.once.Do(func() {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = defaultAtOnce
		c.inner = t
	})
	begin := time.Now()
	res, err := c.inner.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	took := time.Since(begin)
	if date, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.told || took < c.best {
			c.skew, c.best, c.told = begin.Add(took/2).Sub(date), took, true
		}
	}
	return res, nil
}

// Skew is how much this machine's clock is ahead of Cloudflare's, to about a second
// and half the time that the answer took; false before an answer told a date.
func (c *Clock) Skew() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.skew, c.told
}
