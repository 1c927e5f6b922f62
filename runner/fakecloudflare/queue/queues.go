package queue

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/mint"
)

// Settings are a queue's own. Times are in seconds.
type Settings struct {
	Delay     int  `json:"delivery_delay"`
	Paused    bool `json:"delivery_paused"`
	Retention int  `json:"message_retention_period"`
}

// Limits are a consumer's. Nil means the default.
type Limits struct {
	BatchSize   *int `json:"batch_size,omitempty"`            // 10
	Retries     *int `json:"max_retries,omitempty"`           // 3
	Wait        *int `json:"max_wait_time_ms,omitempty"`      // 5000
	Concurrency *int `json:"max_concurrency,omitempty"`       // automatic
	RetryDelay  *int `json:"retry_delay,omitempty"`           // 0 seconds
	Visibility  *int `json:"visibility_timeout_ms,omitempty"` // of pull consumers
}

// Consumer takes messages from a queue.
type Consumer struct {
	ID         string `json:"consumer_id"`
	Type       string `json:"type"` // worker or http_pull
	Script     string `json:"script,omitempty"`
	DeadLetter string `json:"dead_letter_queue,omitempty"`
	Limits     Limits `json:"settings"`
	CreatedOn  string `json:"created_on"`
	Queue      string `json:"queue_name"`
}

// Queue is a queue as it is now.
type Queue struct {
	ID, Name              string
	CreatedOn, ModifiedOn string
	Settings              Settings
	Consumers             []Consumer
}

type line struct {
	Queue
	messages []*message
	wake     chan struct{}
}

// World is what queues need to know of the account's Workers.
type World struct {
	Has       func(script string) bool
	Handles   func(script string) bool // it seems to have a queue handler
	Producers func(queue string) []string
}

// Queues are all queues of the account. It is safe for concurrent use.
type Queues struct {
	mint  *mint.Mint
	world World

	mu    sync.Mutex
	all   []*line
	serve func(*line) // begins a queue's delivery; nil before Start
	done  sync.WaitGroup
}

// New returns an account without queues.
func New(m *mint.Mint, world World) *Queues { return &Queues{mint: m, world: world} }

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,62}$`)

// Create makes a queue.
func (qs *Queues) Create(name string, settings Settings) (Queue, error) {
	if !nameForm.MatchString(name) {
		return Queue{}, envelope.Fail(http.StatusBadRequest, 11003, "Queue name '%s' is invalid: letters, digits and -, at most 63", name)
	}
	if settings.Retention == 0 {
		settings.Retention = 345600
	}
	qs.mu.Lock()
	defer qs.mu.Unlock()
	if qs.named(name) != nil {
		return Queue{}, envelope.Fail(http.StatusConflict, 11009, "Queue name '%s' is already taken. Please use a different name and try again.", name)
	}
	now := qs.mint.Stamp()
	made := &line{Queue: Queue{ID: qs.mint.Hex(), Name: name, CreatedOn: now, ModifiedOn: now, Settings: settings}, wake: make(chan struct{}, 1)}
	qs.all = append(qs.all, made)
	if qs.serve != nil {
		qs.serve(made)
	}
	return made.copy(), nil
}

func (q *line) copy() Queue {
	out := q.Queue
	out.Consumers = slices.Clone(q.Consumers)
	return out
}

func (qs *Queues) named(name string) *line {
	for _, q := range qs.all {
		if q.Name == name {
			return q
		}
	}
	return nil
}

func (qs *Queues) find(id string) (*line, error) {
	for _, q := range qs.all {
		if q.ID == id {
			return q, nil
		}
	}
	return nil, envelope.Fail(http.StatusNotFound, 11000, "Queue %s does not exist.", id)
}

// Check says whether a binding may name this queue: 11000 when there is none.
func (qs *Queues) Check(name string) error {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	if qs.named(name) == nil {
		return envelope.Fail(http.StatusBadRequest, 11000, "Queue '%s' not found.", name)
	}
	return nil
}

// Consumed returns the name of a queue that a script consumes, empty when there is none.
func (qs *Queues) Consumed(script string) string {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	for _, q := range qs.all {
		if slices.ContainsFunc(q.Consumers, func(c Consumer) bool { return c.Script == script }) {
			return q.Name
		}
	}
	return ""
}

// list returns the queues with one of these names, all without any, by name.
func (qs *Queues) list(names []string) []Queue {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	var found []Queue
	for _, q := range qs.all {
		if len(names) == 0 || slices.Contains(names, q.Name) {
			found = append(found, q.copy())
		}
	}
	slices.SortFunc(found, func(a, b Queue) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// change alters one queue under the lock and wakes its delivery.
func (qs *Queues) change(id string, alter func(*line) error) (Queue, error) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	q, err := qs.find(id)
	if err != nil {
		return Queue{}, err
	}
	if err := alter(q); err != nil {
		return Queue{}, err
	}
	q.ModifiedOn = qs.mint.Stamp()
	q.poke()
	return q.copy(), nil
}

// delete removes a queue; not one that another's consumer names as its dead letter queue.
func (qs *Queues) delete(id string) error {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	gone, err := qs.find(id)
	if err != nil {
		return err
	}
	for _, q := range qs.all {
		if slices.ContainsFunc(q.Consumers, func(c Consumer) bool { return c.DeadLetter == gone.Name }) {
			return envelope.Fail(http.StatusBadRequest, 11005, "Queue '%s' is a dead letter queue of a consumer of '%s' and cannot be deleted.", gone.Name, q.Name)
		}
	}
	qs.all = slices.DeleteFunc(qs.all, func(q *line) bool { return q == gone })
	close(gone.wake)
	return nil
}
