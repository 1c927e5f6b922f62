package queue_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tminus/deploy-action/runner/fakecloudflare/internal/ask"
	"github.com/tminus/deploy-action/runner/fakecloudflare/mint"
	"github.com/tminus/deploy-action/runner/fakecloudflare/queue"
)

const all = "/accounts/a/queues"

type place struct {
	ask.Room
	*queue.Queues
}

// newPlace has the scripts "w" and "v" with queue handlers, and "mute" without one.
func newPlace(t *testing.T) place {
	qs := queue.New(mint.New(nil, 1), queue.World{
		Has:       func(script string) bool { return strings.Contains(" w v mute ", " "+script+" ") },
		Handles:   func(script string) bool { return script != "mute" },
		Producers: func(string) []string { return []string{"v"} },
	})
	return place{ask.Room{T: t, Endpoints: qs.Endpoints()}, qs}
}

func (p place) create(name string) string {
	p.T.Helper()
	var made struct {
		ID string `json:"queue_id"`
	}
	p.Must("POST "+all, `{"queue_name":"`+name+`"}`, &made, "Content-Type", "text/plain;charset=UTF-8")
	return made.ID
}

func (p place) send(name, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	p.ServeBinding(w, r, name)
	return w
}

func (p place) backlog(id string) int {
	p.T.Helper()
	var m struct {
		Count int `json:"backlog_count"`
	}
	p.Must("GET "+all+"/"+id+"/metrics", "", &m)
	return m.Count
}

func TestQueuesAndConsumers(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	id := p.create("q")
	p.create("dead")
	one := all + "/" + id
	for _, test := range []struct {
		name, line, body string
		status, code     int
	}{
		{"the name is taken", "POST " + all, `{"queue_name":"q"}`, 409, 11009},
		{"the name is none", "POST " + all, `{"queue_name":"q q"}`, 400, 11003},
		{"missing", "GET " + all + "/ffffffffffffffffffffffffffffffff", "", 404, 11000},
		{"a consumer that is no Worker", "POST " + one + "/consumers", `{"type":"worker","script_name":"nope"}`, 404, 10007},
		{"a consumer without a handler", "POST " + one + "/consumers", `{"type":"worker","script_name":"mute"}`, 400, 11001},
		{"a consumer of no kind", "POST " + one + "/consumers", `{"type":"cron"}`, 400, 100127},
		{"a batch of none", "POST " + one + "/consumers", `{"type":"worker","script_name":"w","settings":{"batch_size":0}}`, 400, 100127},
		{"a consumer", "POST " + one + "/consumers", `{"type":"worker","script_name":"w","dead_letter_queue":"dead","settings":{"batch_size":2,"max_concurrency":null}}`, 200, 0},
		{"a second consumer", "POST " + one + "/consumers", `{"type":"http_pull"}`, 409, 11004},
		{"a delay of a year", "PATCH " + one, `{"settings":{"delivery_delay":31536000}}`, 400, 100128},
		{"paused", "PATCH " + one, `{"settings":{"delivery_paused":true}}`, 200, 0},
	} {
		if reply := p.Do(test.line, test.body); reply.Status != test.status || reply.Code != test.code {
			t.Errorf("%s: %d %d %s, want %d %d", test.name, reply.Status, reply.Code, reply.Message, test.status, test.code)
		}
	}
	var list []struct {
		Name      string           `json:"queue_name"`
		Consumers []queue.Consumer `json:"consumers"`
		Producers []any            `json:"producers"`
	}
	if reply := p.Must("GET "+all+"?page=1&name=q&name=nope", "", &list); reply.Info.Total != 1 || len(list[0].Consumers) != 1 || len(list[0].Producers) != 1 {
		t.Fatalf("listed %s", reply.Result)
	}
	consumer := one + "/consumers/" + list[0].Consumers[0].ID
	var changed queue.Consumer
	p.Must("PUT "+consumer, `{"type":"worker","script_name":"v","settings":{}}`, &changed)
	if changed.Script != "v" || changed.DeadLetter != "" || changed.ID != list[0].Consumers[0].ID || p.Consumed("v") != "q" {
		t.Errorf("changed to %+v", changed)
	}
	p.Must("PUT "+consumer, `{"type":"worker","script_name":"w","dead_letter_queue":"dead"}`, nil)
	var dead []struct {
		ID string `json:"queue_id"`
	}
	p.Must("GET "+all+"?name=dead", "", &dead)
	if reply := p.Do("DELETE "+all+"/"+dead[0].ID, ""); reply.Code != 11005 {
		t.Errorf("deleting a dead letter queue in use: %d", reply.Code)
	}
	p.Must("DELETE "+consumer, "", nil)
	p.Must("DELETE "+one, "", nil)
	ask.Code(t, p.Check("dead"), 0)
	ask.Code(t, p.Check("q"), 11000)
}

func TestMessagesWaitForAConsumer(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	id := p.create("q")
	p.send("q", "/message", `{"a":1}`, "X-Msg-Fmt", "json")
	p.send("q", "/batch", `{"messages":[{"body":"MQ==","contentType":"json"},{"body":"AQI=","contentType":"bytes"}]}`)
	p.Must("POST "+all+"/"+id+"/messages", `{"body":{"x":1},"delay_seconds":5}`, nil)
	if n := p.backlog(id); n != 4 {
		t.Errorf("%d messages wait, want 4", n)
	}
	if w := p.send("nope", "/message", "x"); w.Code != 404 {
		t.Errorf("a missing queue: %d", w.Code)
	}
	if w := p.send("q", "/message", strings.Repeat("x", 128001)); w.Code != 413 {
		t.Errorf("a large message: %d", w.Code)
	}
	p.Must("POST "+all+"/"+id+"/purge", `{"delete_messages_permanently":true}`, nil)
	if n := p.backlog(id); n != 0 {
		t.Errorf("%d messages after purging", n)
	}
}

// consume starts delivery to a function and returns what it was given.
func (p place) consume(ctx context.Context, do func(queue.Batch) (queue.Outcome, error)) <-chan queue.Batch {
	given := make(chan queue.Batch, 100)
	p.Start(ctx, func(_ context.Context, b queue.Batch) (queue.Outcome, error) {
		given <- b
		return do(b)
	})
	return given
}

func TestDelivery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		id := p.create("q")
		p.Must("POST "+all+"/"+id+"/consumers", `{"type":"worker","script_name":"w","settings":{"batch_size":2,"max_wait_time_ms":3000}}`, nil)
		ctx, cancel := context.WithCancel(t.Context())
		given := p.consume(ctx, func(queue.Batch) (queue.Outcome, error) { return queue.Outcome{Outcome: "ok"}, nil })
		began := time.Now()
		for _, text := range []string{"1", "2", "3"} {
			p.send("q", "/message", text, "X-Msg-Fmt", "text")
		}
		full, late := <-given, <-given
		if len(full.Messages) != 2 || full.Script != "w" || full.Queue != "q" || full.Messages[0].Attempts != 1 {
			t.Errorf("the first batch is %+v", full)
		}
		if took := time.Since(began); len(late.Messages) != 1 || took != 3*time.Second {
			t.Errorf("the rest came after %s: %+v", took, late)
		}
		p.send("q", "/message", "4", "X-Msg-Fmt", "text", "X-Msg-Delay-Secs", "10")
		if <-given; time.Since(began) != 16*time.Second {
			t.Errorf("a message delayed by 10 s came after %s", time.Since(began)-3*time.Second)
		}
		synctest.Wait()
		if n := p.backlog(id); n != 0 {
			t.Errorf("%d messages wait", n)
		}
		cancel()
		p.Wait()
	})
}

func TestRetriesAndTheDeadLetterQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		id, dead := p.create("q"), p.create("dead")
		p.Must("POST "+all+"/"+id+"/consumers", `{"type":"worker","script_name":"w","dead_letter_queue":"dead","settings":{"batch_size":3,"max_retries":1,"max_wait_time_ms":0,"retry_delay":7}}`, nil)
		ctx, cancel := context.WithCancel(t.Context())
		given := p.consume(ctx, func(b queue.Batch) (queue.Outcome, error) {
			switch len(b.Messages) {
			case 3: // acknowledge one, ask for another in 2 s, fail
				two := 2
				return queue.Outcome{Outcome: "exception", Acks: []string{b.Messages[0].ID}, Retries: []queue.Retry{{ID: b.Messages[1].ID, Delay: &two}}}, nil
			default:
				return queue.Outcome{}, errors.New("the Worker is gone")
			}
		})
		began := time.Now()
		p.send("q", "/batch", `{"messages":[{"body":"MQ==","contentType":"text"},{"body":"Mg==","contentType":"text"},{"body":"Mw==","contentType":"text"}]}`)
		first := <-given
		soon := <-given
		if time.Since(began) != 2*time.Second || len(soon.Messages) != 1 || soon.Messages[0].ID != first.Messages[1].ID || soon.Messages[0].Attempts != 2 {
			t.Errorf("after %s came %+v", time.Since(began), soon)
		}
		later := <-given
		if time.Since(began) != 7*time.Second || later.Messages[0].ID != first.Messages[2].ID {
			t.Errorf("after %s came %+v", time.Since(began), later)
		}
		synctest.Wait()
		if n, buried := p.backlog(id), p.backlog(dead); n != 0 || buried != 2 {
			t.Errorf("%d wait and %d are dead, want 0 and 2", n, buried)
		}
		cancel()
		p.Wait()
	})
}

func TestAPausedQueueHoldsItsMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		ctx, cancel := context.WithCancel(t.Context())
		given := p.consume(ctx, func(queue.Batch) (queue.Outcome, error) { return queue.Outcome{Outcome: "ok"}, nil })
		id := p.create("q") // after delivery began
		p.Must("POST "+all+"/"+id+"/consumers", `{"type":"worker","script_name":"w","settings":{"max_wait_time_ms":0}}`, nil)
		p.Must("PATCH "+all+"/"+id, `{"settings":{"delivery_paused":true}}`, nil)
		p.send("q", "/message", "1", "X-Msg-Fmt", "text")
		time.Sleep(time.Minute)
		if n := p.backlog(id); n != 1 {
			t.Errorf("%d messages wait, want 1", n)
		}
		p.Must("PUT "+all+"/"+id, `{"settings":{"delivery_paused":false}}`, nil)
		if b := <-given; len(b.Messages) != 1 {
			t.Errorf("got %+v", b)
		}
		cancel()
		p.Wait()
	})
}

func TestWhatWranglerReadsOfAQueue(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.create("q")
	var list []map[string]json.RawMessage
	p.Must("GET "+all, "", &list)
	for _, field := range []string{"queue_id", "queue_name", "created_on", "modified_on", "producers", "producers_total_count", "consumers", "consumers_total_count", "settings"} {
		if _, ok := list[0][field]; !ok {
			t.Errorf("the field %s is missing", field)
		}
	}
	if string(list[0]["consumers"]) != "[]" {
		t.Errorf("no consumers are written as %s", list[0]["consumers"])
	}
}
