package hook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// Options make a Receiver.
type Options struct {
	// Secrets are the hook's secret and, while it is being changed, the one before.
	Secrets []string
	// Judge says what a delivery means. It must be quick and ask nobody.
	Judge  func(Delivery) Decision
	Record Record
	Log    *slog.Logger
	// Now is the clock; time.Now if it is nil.
	Now func() time.Time
}

// The time within which a client must have sent its body, and within which the
// record must be durable: GitHub waits 10 s for the answer.
const (
	sending   = 10 * time.Second
	recording = 8 * time.Second
)

// Bodies up to small wait for nobody; of larger ones, only so much is read at a time.
const (
	small  = 1 << 20
	larges = 2 * limit
)

// Receiver is the http.Handler to which the hook's URL leads.
type Receiver struct {
	o      Options
	larges *semaphore.Weighted
	mu     sync.Mutex
	counts map[string]int64
}

// New makes a Receiver. Without a secret anybody could order work, so that is an error.
func New(o Options) (*Receiver, error) {
	if len(o.Secrets) == 0 {
		return nil, errors.New("receive deliveries: no secret is set")
	}
	if len(o.Secrets) > 2 {
		return nil, fmt.Errorf("receive deliveries: %d secrets are set, want one, or two while it is being changed", len(o.Secrets))
	}
	for _, s := range o.Secrets {
		if s == "" {
			return nil, errors.New("receive deliveries: a secret is empty")
		}
	}
	if o.Judge == nil || o.Record == nil || o.Log == nil {
		return nil, errors.New("receive deliveries: want somebody to judge, to record and to log")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Receiver{o: o, larges: semaphore.NewWeighted(larges), counts: map[string]int64{}}, nil
}

// Answer is the body of every answer.
type Answer struct {
	Delivery string  `json:"delivery,omitempty"`
	Decision Outcome `json:"decision,omitempty"`
	Reason   string  `json:"reason,omitempty"`
	Work     int64   `json:"work,omitempty"`
	// Error is one sentence; then nothing was recorded.
	Error string `json:"error,omitempty"`
}

// refusal is an answer that is not a receipt.
type refusal struct {
	status   int
	name     string // for counting
	sentence string
}

func refuse(status int, name, format string, args ...any) *refusal {
	return &refusal{status, name, fmt.Sprintf(format, args...)}
}

// ServeHTTP implements http.Handler.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	d, no := r.receive(w, q)
	if no != nil {
		r.refuse(w, d, no)
		return
	}
	receipt, no := r.record(q.Context(), d)
	if no != nil {
		r.refuse(w, d, no)
		return
	}
	r.count(string(receipt.Outcome))
	r.o.Log.Info("delivery", "", d, "decision", receipt.Outcome, "reason", receipt.Reason, "work", receipt.Work)
	status := http.StatusAccepted
	if d.Event == "ping" {
		status = http.StatusOK
	}
	reply(w, status, Answer{Delivery: d.GUID, Decision: receipt.Outcome, Reason: receipt.Reason, Work: receipt.Work})
}

// record judges a delivery and waits until it is durable. Once it is on its way, the
// client's going away does not take it back.
func (r *Receiver) record(ctx context.Context, d Delivery) (Receipt, *refusal) {
	decision, err := r.judge(d)
	if err != nil {
		return Receipt{}, refuse(http.StatusInternalServerError, "broken", "the delivery could not be judged")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recording)
	defer cancel()
	receipt, err := r.o.Record(ctx, d, decision)
	switch {
	case errors.Is(err, ErrStopping):
		return Receipt{}, refuse(http.StatusServiceUnavailable, "stopping", "the server is stopping; deliver again")
	case err != nil:
		r.o.Log.Error("delivery not recorded", "", d, "error", err)
		return Receipt{}, refuse(http.StatusServiceUnavailable, "unrecorded", "the delivery could not be recorded; deliver again")
	}
	return receipt, nil
}

// judge has a delivery judged. What breaks on a delivery breaks on that one only.
func (r *Receiver) judge(d Delivery) (decision Decision, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("judge: %v", p)
			r.o.Log.Error("delivery not judged", "", d, "error", err, "stack", string(debug.Stack()))
		}
	}()
	if d.Event == "ping" {
		return Ignore("GitHub says that the hook works"), nil
	}
	return r.o.Judge(d), nil
}

func (r *Receiver) refuse(w http.ResponseWriter, d Delivery, no *refusal) {
	r.count(no.name)
	r.o.Log.Warn("delivery refused", "", d, "status", no.status, "why", no.sentence)
	switch no.status {
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "30")
	}
	reply(w, no.status, Answer{Delivery: d.GUID, Error: no.sentence})
}

func reply(w http.ResponseWriter, status int, a Answer) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(a)
}

func (r *Receiver) count(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[name]++
}

// Counts are the answers since the start: by outcome, and by the kind of refusal:
// method, type, unsigned, signature, size, slow, shape, broken, stopping, unrecorded.
func (r *Receiver) Counts() map[string]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := map[string]int64{}
	for name, n := range r.counts {
		counts[name] = n
	}
	return counts
}
