package tail

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Event is one invocation of a Worker. Source of its form: cloudflare/workers-sdk,
// tail/createTail.ts, and what the runtime hands a tail Worker.
type Event struct {
	Script  string `json:"script"`
	Version string `json:"version,omitempty"`
	// Outcome is ok, canceled, exception, exceededCpu, exceededMemory, unknown, or
	// something newer.
	Outcome    string      `json:"outcome"`
	Time       time.Time   `json:"time"`
	Trigger    Trigger     `json:"trigger"`
	Logs       []Log       `json:"logs,omitempty"`
	Exceptions []Exception `json:"exceptions,omitempty"`
}

// Failed tells whether the invocation ended badly.
func (e Event) Failed() bool { return e.Outcome != "ok" && e.Outcome != "canceled" }

// Trigger is what the Worker was invoked for: request, queue, cron, alarm, email, rpc,
// tail, or info, by which Cloudflare says something of the tail itself.
type Trigger struct {
	Kind   string `json:"kind"`
	Method string `json:"method,omitempty"` // of a request, or the name of the rpc
	URL    string `json:"url,omitempty"`    // without what may be secret in its query
	Status int    `json:"status,omitempty"` // of the answer, when there was one
	// Name is the queue, the cron's expression, the alarm's time, the recipient, or the
	// words of an info.
	Name     string `json:"name,omitempty"`
	Messages int    `json:"messages,omitempty"` // in the batch of a queue
}

// Path is the path of a request, empty for everything else.
func (t Trigger) Path() string {
	u, err := url.Parse(t.URL)
	if err != nil || t.URL == "" {
		return ""
	}
	return u.Path
}

// Target is the path of a request with its query.
func (t Trigger) Target() string {
	u, err := url.Parse(t.URL)
	if err != nil || t.URL == "" {
		return t.URL
	}
	u.Scheme, u.Host, u.User = "", "", nil
	return strings.ReplaceAll(u.String(), "%2A%2A%2A", mask)
}

// String says in a few words what the Worker was invoked for.
func (t Trigger) String() string {
	switch t.Kind {
	case "request":
		return t.Method + " " + t.URL
	case "queue":
		if t.Messages == 1 {
			return "queue " + t.Name + ", 1 message"
		}
		return fmt.Sprintf("queue %s, %d messages", t.Name, t.Messages)
	case "rpc":
		return strings.TrimSpace("rpc " + t.Method)
	}
	return strings.TrimSpace(t.Kind + " " + t.Name)
}

// Log is something that the Worker wrote to its console.
type Log struct {
	Level string    `json:"level"` // debug, info, log, warn or error
	Text  string    `json:"text"`
	Time  time.Time `json:"time"`
}

// Exception is something that the Worker threw and did not catch.
type Exception struct {
	Name    string    `json:"name"`
	Message string    `json:"message"`
	Stack   string    `json:"stack,omitempty"`
	Time    time.Time `json:"time"`
}

// String is the exception on one line.
func (e Exception) String() string {
	switch {
	case e.Name == "":
		return e.Message
	case e.Message == "":
		return e.Name
	}
	return e.Name + ": " + e.Message
}

// wire is an event as it comes.
type wire struct {
	Outcome string              `json:"outcome"`
	Script  string              `json:"scriptName"`
	Version struct{ ID string } `json:"scriptVersion"`
	Time    moment              `json:"eventTimestamp"`
	Event   json.RawMessage     `json:"event"`
	Logs    []struct {
		Message json.RawMessage `json:"message"`
		Level   string          `json:"level"`
		Time    moment          `json:"timestamp"`
	} `json:"logs"`
	Exceptions []struct {
		Name    string          `json:"name"`
		Message json.RawMessage `json:"message"`
		Stack   string          `json:"stack"`
		Time    moment          `json:"timestamp"`
	} `json:"exceptions"`
}

// moment is a time in milliseconds since 1970, or in RFC 3339.
type moment struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler. What is no time is none.
func (m *moment) UnmarshalJSON(raw []byte) error {
	var ms float64
	if json.Unmarshal(raw, &ms) == nil && ms > 0 && ms < 1e15 {
		m.Time = time.UnixMilli(int64(ms)).UTC()
		return nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
			m.Time = t.UTC()
		}
	}
	return nil
}

// Parse reads an event and cleans it. Redact takes out what the program knows to be
// secret; nil takes out nothing.
func Parse(raw []byte, redact func(string) string) (Event, error) {
	var w wire
	if err := json.Unmarshal(raw, &w); err != nil {
		return Event{}, fmt.Errorf("read an event: %w", err)
	}
	c := cleaner{redact}
	e := Event{Script: c.text(w.Script), Version: c.text(w.Version.ID), Outcome: c.text(w.Outcome), Time: w.Time.Time, Trigger: c.trigger(w.Event)}
	for _, l := range w.Logs {
		e.Logs = append(e.Logs, Log{Level: c.text(l.Level), Text: c.said(l.Message), Time: l.Time.Time})
	}
	for _, x := range w.Exceptions {
		e.Exceptions = append(e.Exceptions, Exception{Name: c.text(x.Name), Message: c.said(x.Message), Stack: c.text(x.Stack), Time: x.Time.Time})
	}
	if e.Time.IsZero() {
		e.Time = time.Now().UTC()
	}
	return e, nil
}
