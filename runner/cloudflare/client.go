package cloudflare

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cloudflare/cloudflare-go/v7/accounts"
	"github.com/cloudflare/cloudflare-go/v7/d1"
	"github.com/cloudflare/cloudflare-go/v7/dns"
	"github.com/cloudflare/cloudflare-go/v7/durable_objects"
	"github.com/cloudflare/cloudflare-go/v7/kv"
	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/queues"
	"github.com/cloudflare/cloudflare-go/v7/r2"
	"github.com/cloudflare/cloudflare-go/v7/user"
	"github.com/cloudflare/cloudflare-go/v7/workers"
	"github.com/cloudflare/cloudflare-go/v7/workflows"
	"github.com/cloudflare/cloudflare-go/v7/zones"
)

// DefaultBaseURL is Cloudflare's own API.
const DefaultBaseURL = "https://api.cloudflare.com/client/v4"

// Options say which account is meant and how it is reached.
type Options struct {
	// BaseURL includes /client/v4, as CLOUDFLARE_API_BASE_URL does. Empty means DefaultBaseURL.
	BaseURL string
	// Account is the account id, 32 hex digits.
	Account string
	// Token is an API token. It goes into the Authorization header and nowhere else.
	Token string
	// UserAgent is how the client names itself.
	UserAgent string
	// AtOnce bounds the calls under way; zero means 32.
	AtOnce int
	// Notice, if set, is told in one line when a call is repeated.
	Notice func(line string)
	// Transport sends the requests; nil means http.DefaultTransport.
	Transport http.RoundTripper
}

// Client is an account. Its methods may be used from many goroutines. Their
// errors are an [*Error] when Cloudflare answered, else what kept it from it;
// both name the call.
type Client struct {
	account   string
	workers   *workers.WorkerService
	queues    *queues.QueueService
	d1        *d1.DatabaseService
	kv        *kv.NamespaceService
	r2        *r2.BucketService
	workflows *workflows.WorkflowService
	zones     *zones.ZoneService
	records   *dns.RecordService
	tokens    *user.TokenService
	accounts  *accounts.AccountService
	objects   *durable_objects.NamespaceService

	zonesOnce sync.Mutex
	zonesSeen []Zone
}

// New makes a client. It asks nothing yet.
func New(o Options) *Client {
	base := o.BaseURL
	if base == "" {
		base = DefaultBaseURL
	}
	opts := []option.RequestOption{
		option.WithBaseURL(strings.TrimRight(base, "/") + "/"),
		option.WithAPIToken(o.Token),
		option.WithHeader("User-Agent", o.UserAgent),
		option.WithMaxRetries(0), // the policy is in the HTTP client
		option.WithHTTPClient(newHTTPClient(o)),
	}
	return &Client{
		account:   o.Account,
		workers:   workers.NewWorkerService(opts...),
		queues:    queues.NewQueueService(opts...),
		d1:        d1.NewDatabaseService(opts...),
		kv:        kv.NewNamespaceService(opts...),
		r2:        r2.NewBucketService(opts...),
		workflows: workflows.NewWorkflowService(opts...),
		zones:     zones.NewZoneService(opts...),
		records:   dns.NewRecordService(opts...),
		tokens:    user.NewTokenService(opts...),
		accounts:  accounts.NewAccountService(opts...),
		objects:   durable_objects.NewNamespaceService(opts...),
	}
}

// envelope is the shape of every answer.
type envelope[T any] struct {
	Result T `json:"result"`
	Info   struct {
		Page    int    `json:"page"`
		PerPage int    `json:"per_page"`
		Count   int    `json:"count"`
		Total   int    `json:"total_count"`
		Cursor  string `json:"cursor"`
	} `json:"result_info"`
}

// ask makes one call through a service method and decodes the result into T, in
// our own wire types: the library's types lose what is null.
func ask[T any](call func(...option.RequestOption) error, opts ...option.RequestOption) (T, error) {
	var e envelope[T]
	err := plain(call(append(opts, option.WithResponseBodyInto(&e))...))
	return e.Result, err
}

// jsonBody sends a value as the body of a call.
func jsonBody(v any) option.RequestOption {
	raw, err := json.Marshal(v)
	if err != nil {
		raw = []byte("null") // our wire types always encode
	}
	return option.WithRequestBody("application/json", raw)
}

// perPage is how many items a page is asked for; zones take no more than
// zonesPerPage, every other listing takes that many.
const perPage, zonesPerPage = 100, 50

// pages collects a listing that is paged by number, until it has all that
// result_info counts, or a page is not full.
func pages[T any](call func(...option.RequestOption) error, opts ...option.RequestOption) ([]T, error) {
	return pagesOf[T](perPage, call, opts...)
}

func pagesOf[T any](perPage int, call func(...option.RequestOption) error, opts ...option.RequestOption) ([]T, error) {
	var all []T
	for page := 1; ; page++ {
		var e envelope[[]T]
		o := append(append([]option.RequestOption{}, opts...), option.WithResponseBodyInto(&e),
			option.WithQuery("page", strconv.Itoa(page)), option.WithQuery("per_page", strconv.Itoa(perPage)))
		if err := plain(call(o...)); err != nil {
			return nil, err
		}
		all = append(all, e.Result...)
		size := e.Info.PerPage
		if size == 0 {
			size = perPage
		}
		if len(e.Result) == 0 || e.Info.Total > 0 && len(all) >= e.Info.Total || e.Info.Total == 0 && len(e.Result) < size {
			return all, nil
		}
	}
}

// in names the account in the parameters of a call. cloudflare-go's F, which
// would do it, lives in its root package with every product of Cloudflare.
func (c *Client) in(id *string) { *id = c.account }

// wrap says what was being done when an error came.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}

// Time is a timestamp of the API, RFC 3339; the zero time when it is missing or
// in a form that nobody promised.
type Time struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (t *Time) UnmarshalJSON(raw []byte) error {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		t.Time, _ = time.Parse(time.RFC3339Nano, s)
	}
	return nil
}
