package cloudflare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// wire answers requests in memory and keeps what was asked.
type wire struct {
	mu    sync.Mutex
	calls []string
	reply func(r *http.Request, body string) (status int, header http.Header, answer string, err error)
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		raw, _ := io.ReadAll(r.Body)
		body = string(raw)
	}
	w.mu.Lock()
	w.calls = append(w.calls, r.Method+" "+below(r.URL))
	w.mu.Unlock()
	status, header, answer, err := w.reply(r, body)
	if err != nil {
		return nil, err
	}
	if header == nil {
		header = http.Header{}
	}
	if header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/json")
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(answer)), Request: r}, nil
}

func client(w *wire) *Client {
	return New(Options{BaseURL: "http://127.0.0.1:1/client/v4", Account: "acc", Token: "secret-token", UserAgent: "test", Transport: w})
}

func ok(result string) (int, http.Header, string, error) {
	return 200, nil, `{"success":true,"errors":[],"messages":[],"result":` + result + `}`, nil
}

func refuse(status, code int, message string) (int, http.Header, string, error) {
	return status, nil, fmt.Sprintf(`{"success":false,"errors":[{"code":%d,"message":%q}],"messages":[],"result":null}`, code, message), nil
}

func TestOnlyWhatIsSafeIsRepeated(t *testing.T) {
	t.Parallel()
	deploy := func(c *Client) error {
		_, err := c.Deploy(context.Background(), "w", []Traffic{{"v", 100}}, "m", false)
		return err
	}
	query := func(c *Client) error { _, err := c.Query(context.Background(), "d", "SELECT 1"); return err }
	list := func(c *Client) error { _, err := c.Scripts(context.Background()); return err }
	add := func(c *Client) error { return c.AddRoute(context.Background(), "z", Route{Pattern: "a/*"}) }
	version := func(c *Client) error {
		_, err := c.UploadVersion(context.Background(), "w", Upload{Metadata: map[string]any{}})
		return err
	}
	put := func(c *Client) error {
		_, err := c.Put(context.Background(), "w", Upload{Metadata: map[string]any{}})
		return err
	}
	server := func() (int, http.Header, string, error) { return refuse(500, 10013, "unknown") }
	html := func() (int, http.Header, string, error) { return 502, nil, "<html>bad gateway</html>", nil }
	many := func() (int, http.Header, string, error) { return refuse(429, 971, "slow down") }
	unseen := func() (int, http.Header, string, error) { return refuse(404, 100146, "no such version") }
	client4 := func() (int, http.Header, string, error) { return refuse(400, 10021, "no such module") }
	lost := func() (int, http.Header, string, error) { return 0, nil, "", io.ErrUnexpectedEOF }
	dial := func() (int, http.Header, string, error) {
		return 0, nil, "", &net.OpError{Op: "dial", Err: errors.New("refused")}
	}
	tests := []struct {
		name  string
		call  func(*Client) error
		reply func() (int, http.Header, string, error)
		want  int
	}{
		{"a read that met a server error", list, server, attempts},
		{"a read that met a gateway's page", list, html, attempts},
		{"a read whose answer was lost", list, lost, attempts},
		{"a deployment whose answer was lost", deploy, lost, attempts},
		{"a deployment of a version not seen yet", deploy, unseen, attempts},
		{"a version that met a server error", version, server, attempts},
		{"a put may have migrated objects", put, server, 1},
		{"a put whose answer was lost", put, lost, 1},
		{"a put that was not taken", put, many, attempts},
		{"a query may have changed data", query, server, 1},
		{"a query whose answer was lost", query, lost, 1},
		{"a query that was never sent", query, dial, attempts},
		{"a query that was not taken", query, many, attempts},
		{"a route that may be there now", add, server, 1},
		{"a refusal that stays one", list, client4, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &wire{reply: func(*http.Request, string) (int, http.Header, string, error) { return tt.reply() }}
				if err := tt.call(client(w)); err == nil {
					t.Error("no error")
				} else if strings.Contains(err.Error(), "secret-token") {
					t.Errorf("the token is in the error: %v", err)
				}
				if len(w.calls) != tt.want {
					t.Errorf("%d calls, want %d", len(w.calls), tt.want)
				}
			})
		})
	}
}

func TestWaitsAreAsLongAsAsked(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, after string
		want        time.Duration
		calls       int
	}{
		{"no wish", "", 500 * time.Millisecond, 2},
		{"seconds", "7", 7 * time.Second, 2},
		{"a date", "Sat, 01 Jan 2000 00:00:09 GMT", 9 * time.Second, 2},
		{"longer than a person waits", "300", 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := 0
				w := &wire{reply: func(*http.Request, string) (int, http.Header, string, error) {
					if n++; n == 1 {
						_, _, answer, _ := refuse(429, 971, "slow down")
						return 429, http.Header{"Retry-After": {tt.after}}, answer, nil
					}
					return ok("[]")
				}}
				begin := time.Now()
				_, _ = client(w).Scripts(context.Background())
				if took := time.Since(begin); took != tt.want || len(w.calls) != tt.calls {
					t.Errorf("took %s in %d calls, want %s in %d", took, len(w.calls), tt.want, tt.calls)
				}
			})
		})
	}
}

func TestADeadOrHangingAPIEndsInAnErrorThatNamesTheCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{reply: func(r *http.Request, _ string) (int, http.Header, string, error) {
			<-r.Context().Done()
			return 0, nil, "", r.Context().Err()
		}}
		begin := time.Now()
		_, err := client(w).Scripts(context.Background())
		if took := time.Since(begin); took > perCall {
			t.Errorf("took %s", took)
		}
		if err == nil || !strings.Contains(err.Error(), "GET /accounts/acc/workers/scripts") || !strings.Contains(err.Error(), "no good answer within") {
			t.Errorf("error %v", err)
		}
	})
}

func TestACancelledCallEndsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		w := &wire{reply: func(r *http.Request, _ string) (int, http.Header, string, error) {
			cancel()
			return refuse(500, 10013, "unknown")
		}}
		begin := time.Now()
		if _, err := client(w).Scripts(ctx); !errors.Is(err, context.Canceled) || time.Since(begin) != 0 {
			t.Errorf("after %s: %v", time.Since(begin), err)
		}
	})
}

// A deployment that is on its way when everything is cancelled may still take effect:
// its answer is waited for, but not for long.
func TestADeploymentThatWasBegunIsWaitedFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		takes time.Duration
		after time.Duration
		works bool
	}{{"it is answered in time", time.Second, time.Second, true}, {"nobody answers", time.Hour, linger, false}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(context.Background())
				w := &wire{reply: func(r *http.Request, _ string) (int, http.Header, string, error) {
					cancel()
					select {
					case <-time.After(tt.takes):
						return ok(`{"id":"d","versions":[]}`)
					case <-r.Context().Done():
						return 0, nil, "", r.Context().Err()
					}
				}}
				begin := time.Now()
				_, err := client(w).Deploy(ctx, "api", nil, "r1", false)
				if took := time.Since(begin); (err == nil) != tt.works || took != tt.after {
					t.Errorf("after %s: %v", took, err)
				}
				if _, err := client(w).Deploy(ctx, "api", nil, "r1", false); !errors.Is(err, context.Canceled) {
					t.Errorf("one that was not begun: %v", err)
				}
			})
		})
	}
}

func TestNoWriteIsUnderWayOnceItWasGivenUp(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		call  func(context.Context, *Client) error
		after time.Duration
	}{
		"crons":    {func(ctx context.Context, c *Client) error { return c.SetSchedules(ctx, "api", nil) }, time.Second},
		"a route":  {func(ctx context.Context, c *Client) error { return c.AddRoute(ctx, "z", Route{Pattern: "a/*"}) }, time.Second},
		"a query":  {func(ctx context.Context, c *Client) error { _, err := c.Query(ctx, "d", "DELETE FROM a"); return err }, time.Second},
		"a reader": {func(ctx context.Context, c *Client) error { _, err := c.Scripts(ctx); return err }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(context.Background())
				w := &wire{reply: func(r *http.Request, _ string) (int, http.Header, string, error) {
					cancel()
					select {
					case <-time.After(time.Second):
						return ok("null")
					case <-r.Context().Done():
						return 0, nil, "", r.Context().Err()
					}
				}}
				begin := time.Now()
				_ = tt.call(ctx, client(w)) // whether it took effect is looked for afterwards
				if took := time.Since(begin); took != tt.after {
					t.Errorf("given up after %s", took)
				}
			})
		})
	}
}

func TestTheFieldSuccessDecidesNotTheStatus(t *testing.T) {
	t.Parallel()
	w := &wire{reply: func(*http.Request, string) (int, http.Header, string, error) {
		return 200, http.Header{"Cf-Ray": {"8a"}}, `{"success":false,"errors":[{"code":10021,"message":"a","error_chain":[{"code":7,"message":"b"}]}],"result":null}`, nil
	}}
	_, err := client(w).Scripts(context.Background())
	e, is := errors.AsType[*Error](err)
	if !is || e.Ray != "8a" || !reflect.DeepEqual(e.Problems, []Problem{{Code: 10021, Message: "a"}, {Code: 7, Message: "b"}}) {
		t.Fatalf("error %+v", err)
	}
	if got, want := err.Error(), "list the scripts: 10021: a; 7: b"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if !Has(err, 7) || Has(err, 8) || IsMissing(err) || IsDenied(err) {
		t.Error("codes are not found where they are")
	}
}

func TestAListIsReadToItsEndAndNoFurther(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		total int // what result_info says; 0 is nothing
		have  int
		calls int
	}{
		{"one page that says so", 20, 20, 1},
		{"several pages that say so", 250, 250, 3},
		{"full pages that say nothing", 0, 200, 3},
		{"a part of a page that says nothing", 0, 7, 1},
		{"nothing", 0, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := &wire{reply: func(r *http.Request, _ string) (int, http.Header, string, error) {
				var page int
				fmt.Sscan(r.URL.Query().Get("page"), &page)
				var items []string
				for i := (page - 1) * perPage; i < min(page*perPage, tt.have); i++ {
					items = append(items, fmt.Sprintf(`{"queue_id":"%d","queue_name":"q%d"}`, i, i))
				}
				info := ""
				if tt.total > 0 {
					info = fmt.Sprintf(`,"result_info":{"page":%d,"per_page":%d,"count":%d,"total_count":%d}`, page, perPage, len(items), tt.total)
				}
				return 200, nil, `{"success":true,"result":[` + strings.Join(items, ",") + `]` + info + `}`, nil
			}}
			all, err := client(w).Queues(context.Background())
			if err != nil || len(all) != tt.have || len(w.calls) != tt.calls {
				t.Errorf("%d queues in %d calls, %v; want %d in %d", len(all), len(w.calls), err, tt.have, tt.calls)
			}
		})
	}
}

func TestAnUploadHasTheShapeThatTheAPITakes(t *testing.T) {
	t.Parallel()
	var names []string
	var metadata string
	w := &wire{reply: func(r *http.Request, body string) (int, http.Header, string, error) {
		_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil {
			return refuse(400, 1, err.Error())
		}
		form := multipart.NewReader(strings.NewReader(body), params["boundary"])
		for {
			part, err := form.NextPart()
			if err != nil {
				break
			}
			content, _ := io.ReadAll(part)
			if part.FormName() == "metadata" {
				metadata = string(content)
			}
			names = append(names, part.Header.Get("Content-Disposition")+" "+part.Header.Get("Content-Type"))
		}
		if strings.HasSuffix(r.URL.Path, "/versions") {
			return ok(`{"id":"3fa85f64-5717-4562-b3fc-2c963f66afa6"}`)
		}
		return ok(`{"deployment_id":"3fa85f6457174562b3fc2c963f66afa6"}`)
	}}
	u := Upload{Metadata: map[string]any{"main_module": "index.js"}, Parts: []Part{{Name: "index.js", MIME: "application/javascript+module", Content: []byte("x")}, {Name: "./a-q.sql", MIME: "text/plain"}}}
	for name, upload := range map[string]func(context.Context, string, Upload) (string, error){"version": client(w).UploadVersion, "put": client(w).Put} {
		names, metadata = nil, ""
		id, err := upload(context.Background(), "w", u)
		if err != nil || id != "3fa85f64-5717-4562-b3fc-2c963f66afa6" {
			t.Fatalf("%s: %q, %v", name, id, err)
		}
		want := []string{
			`form-data; name="metadata" `,
			`form-data; name="index.js"; filename="index.js" application/javascript+module`,
			`form-data; name="./a-q.sql"; filename="./a-q.sql" text/plain`,
		}
		if !slices.Equal(names, want) || metadata != `{"main_module":"index.js"}` {
			t.Errorf("%s: parts %q, metadata %s", name, names, metadata)
		}
	}
}

func TestConsumersKeepNullsAndKnowTheirScript(t *testing.T) {
	t.Parallel()
	for _, field := range []string{"script", "service", "script_name"} {
		var c Consumer
		if err := json.Unmarshal([]byte(`{"consumer_id":"c","`+field+`":"w","settings":{"max_concurrency":null,"batch_size":5}}`), &c); err != nil {
			t.Fatal(err)
		}
		value, there := c.Settings["max_concurrency"]
		if c.Script != "w" || !there || value != nil {
			t.Errorf("%s: %+v", field, c)
		}
	}
}

func TestAStatementThatFailsInsideASuccessIsAFailure(t *testing.T) {
	t.Parallel()
	w := &wire{reply: func(*http.Request, string) (int, http.Header, string, error) {
		return ok(`[{"success":true,"results":[]},{"success":false,"error":"no such table: x","results":[]}]`)
	}}
	_, err := client(w).Query(context.Background(), "d", "…")
	if _, is := errors.AsType[*QueryError](err); !is || !strings.Contains(err.Error(), "statement 2 failed: no such table: x") {
		t.Errorf("error %v", err)
	}
}

func TestAnAccountTokenIsVerifiedAtItsAccount(t *testing.T) {
	t.Parallel()
	w := &wire{reply: func(r *http.Request, _ string) (int, http.Header, string, error) {
		if strings.Contains(r.URL.Path, "/user/") {
			return refuse(401, 1000, "Invalid API Token")
		}
		return ok(`{"status":"active"}`)
	}}
	status, err := client(w).VerifyToken(context.Background())
	if err != nil || status != "active" || !slices.Equal(w.calls, []string{"GET /user/tokens/verify", "GET /accounts/acc/tokens/verify"}) {
		t.Errorf("%q, %v, %v", status, err, w.calls)
	}
}

func TestAssetsAreNamedAsCloudflareNamesThem(t *testing.T) {
	t.Parallel()
	// Two files get one name only if content and ending are the same.
	a, b, c := Asset{"/a.html", []byte("x")}, Asset{"/b.html", []byte("x")}, Asset{"/a.css", []byte("x")}
	if a.Hash() != b.Hash() || a.Hash() == c.Hash() || len(a.Hash()) != 32 {
		t.Errorf("%s %s %s", a.Hash(), b.Hash(), c.Hash())
	}
	var sessions []string
	w := &wire{reply: func(r *http.Request, body string) (int, http.Header, string, error) {
		if strings.HasSuffix(r.URL.Path, "/assets-upload-session") {
			return ok(`{"jwt":"session","buckets":[["` + a.Hash() + `"],["` + c.Hash() + `"]]}`)
		}
		sessions = append(sessions, r.Header.Get("Authorization"))
		if bytes.Contains([]byte(body), []byte(c.Hash())) {
			return ok(`{"jwt":"complete"}`)
		}
		return ok(`{}`)
	}}
	token, err := client(w).UploadAssets(context.Background(), "w", []Asset{a, c})
	if err != nil || token != "complete" || !slices.Equal(sessions, []string{"Bearer session", "Bearer session"}) {
		t.Errorf("%q, %v, %v", token, err, sessions)
	}
}

func TestNoMoreCallsAreUnderWayThanAllowed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		now, most := 0, 0
		w := &wire{reply: func(*http.Request, string) (int, http.Header, string, error) {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			now--
			mu.Unlock()
			return ok("[]")
		}}
		c := client(w)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { _, _ = c.Scripts(context.Background()) })
		}
		wg.Wait()
		if most != defaultAtOnce {
			t.Errorf("%d at once, want %d", most, defaultAtOnce)
		}
	})
}
