package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// with asks for a page with a cookie.
func (s *stage) with(t *testing.T, path string, c *http.Cookie) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.AddCookie(c)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// reader reads a stream of changes.
type reader struct {
	httptest.ResponseRecorder
	mu    sync.Mutex
	text  []string
	fails error
	ended chan struct{}
}

func (r *reader) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text = append(r.text, string(p))
	return len(p), r.fails
}

func (r *reader) Flush() {}

// changes are the sections that came, a map for each event.
func (r *reader) changes(t *testing.T) []map[string]string {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []map[string]string
	for _, text := range r.text {
		if data, ok := strings.CutPrefix(text, "event: changed\ndata: "); ok {
			var c change
			if err := json.Unmarshal([]byte(strings.TrimSuffix(data, "\n\n")), &c); err != nil || strings.Count(text, "\n") != 3 {
				t.Fatalf("%v: %q", err, text)
			}
			all = append(all, c.Sections)
		}
	}
	return all
}

func (r *reader) count(text string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, one := range r.text {
		n += strings.Count(one, text)
	}
	return n
}

// read opens a stream in a bubble.
func (s *stage) read(ctx context.Context, path string) *reader {
	r := &reader{ended: make(chan struct{})}
	r.HeaderMap = http.Header{}
	go func() {
		defer close(r.ended)
		s.ServeHTTP(r, httptest.NewRequest(http.MethodGet, path, nil).WithContext(ctx))
	}()
	synctest.Wait()
	return r
}

func (r *reader) over() bool {
	synctest.Wait()
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// step has a running work say a step.
func (s *stage) step(text string) {
	s.mu.Lock()
	s.view.Works = slices.Clone(s.view.Works) // somebody may be reading
	w := &s.view.Works[1]
	w.Steps = append(append([]Step{}, w.Steps...), Step{1, noon, text})
	s.mu.Unlock()
	select {
	case s.watched <- struct{}{}:
	default:
	}
}

func TestAStepIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		ctx, leave := context.WithCancel(t.Context())
		page, work := s.read(ctx, "/events"), s.read(ctx, "/events?work=41")
		if got := page.changes(t); len(got) != 1 || len(got[0]) != 8 || page.HeaderMap.Get("Content-Type") != "text/event-stream" {
			t.Fatalf("at first %d events", len(got))
		}
		time.Sleep(time.Second)
		s.step("Smoke production passed")
		time.Sleep(glance + gap)
		for name, r := range map[string]*reader{"underway": page, "work": work} {
			got := r.changes(t)
			if len(got) != 2 || len(got[1]) != 1 || !strings.Contains(got[1][name], "Smoke production passed") {
				t.Errorf("%s: after a step %d events, the last with %d sections", name, len(got), len(got[len(got)-1]))
			}
		}
		leave()
		if !page.over() || !work.over() {
			t.Error("the stream outlives its reader")
		}
	})
}

func TestTimeAloneIsNoChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		r := s.read(ctx, "/events")
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(r.changes(t)); n != 1 {
			t.Errorf("%d events in a quiet minute", n)
		}
		if n := r.count(": here\n\n"); n < 3 || n > 4 {
			t.Errorf("%d beats in a minute", n)
		}
	})
}

func TestManyStepsAreFewEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		r, home := s.read(ctx, "/events?work=41"), s.read(ctx, "/events")
		for range 300 {
			s.step("one of many")
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		got := r.changes(t)
		if len(got) > 15 || len(got) < 8 {
			t.Errorf("%d events for 300 steps in 3 s", len(got))
		}
		if n := strings.Count(got[len(got)-1]["work"], "one of many"); n != 300 {
			t.Errorf("the last event shows %d steps", n)
		}
		all := home.changes(t)
		if n := strings.Count(all[len(all)-1]["underway"], "one of many"); n != shownSteps {
			t.Errorf("beside others it shows %d steps", n)
		}
	})
}

func TestAStreamEnds(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*stage, *reader){
		"when the server stops": func(s *stage, _ *reader) { s.Stop(); s.Stop() },
		"when the queue stops":  func(s *stage, _ *reader) { close(s.watched) },
		"when the session ends": func(s *stage, _ *reader) { s.mu.Lock(); defer s.mu.Unlock(); s.person = nil },
		"when the reader is gone": func(s *stage, r *reader) {
			r.mu.Lock()
			r.fails = errors.New("broken pipe")
			r.mu.Unlock()
			s.step("x")
		},
		"when the work is forgotten": func(s *stage, _ *reader) { s.mu.Lock(); defer s.mu.Unlock(); s.view.Works = nil },
	}
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, func(o *Options) { o.Gate.Private = true })
				s.person = &ann
				r := s.read(t.Context(), "/events?work=41")
				if r.over() {
					t.Fatal("it ended at once")
				}
				end(s, r)
				time.Sleep(glance + time.Second)
				if !r.over() {
					t.Error("it goes on")
				}
				if s.crowd.n != 0 {
					t.Errorf("%d seats are still taken", s.crowd.n)
				}
			})
		})
	}
}

func TestOnlySoManyReadersAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		var leave context.CancelFunc
		var ctx context.Context
		all, end := context.WithCancel(t.Context())
		defer end()
		for range most {
			ctx, leave = context.WithCancel(all)
			if r := s.read(ctx, "/events"); r.over() {
				t.Fatal("a reader was sent away")
			}
		}
		if r := s.read(all, "/events"); !r.over() || r.Code != http.StatusServiceUnavailable || r.HeaderMap.Get("Retry-After") == "" {
			t.Errorf("one too many got %d", r.Code)
		}
		leave()
		synctest.Wait()
		if r := s.read(all, "/events"); r.over() {
			t.Error("a free seat was not given")
		}
	})
}

// What cannot be looked at for a while is no end.
func TestAStreamOutlivesAnErrorOfTheDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		r := s.read(ctx, "/events")
		s.mu.Lock()
		s.fails = errors.New("away")
		s.mu.Unlock()
		s.step("unseen")
		time.Sleep(10 * time.Second)
		s.mu.Lock()
		s.fails = nil
		s.mu.Unlock()
		time.Sleep(glance + time.Second)
		if r.over() || len(r.changes(t)) != 2 {
			t.Errorf("%d events", len(r.changes(t)))
		}
	})
}
