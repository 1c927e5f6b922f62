package hook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// Delivery is one signed message of GitHub.
type Delivery struct {
	// GUID is GitHub's id of the event: the same for every hook that hears of it, and
	// again when it is delivered again.
	GUID  string
	Event string
	// Action and Repository are read from the payload, empty where it has none.
	Action     string
	Repository string
	// Hook is the id of the hook that sent it, for asking GitHub about it.
	Hook     string
	Received time.Time
	// Payload is the JSON, byte for byte as it was received.
	Payload []byte
}

// LogValue implements slog.LogValuer: who it is, never what it says. Logged under an
// empty name it stands beside what else the line says, with its id as delivery, as in
// all lines about it.
func (d Delivery) LogValue() slog.Value {
	return slog.GroupValue(slog.String("delivery", d.GUID), slog.String("event", d.Event), slog.String("action", d.Action), slog.String("repository", d.Repository))
}

// Decision is what a delivery means. Without an order it is ignored.
type Decision struct {
	Order *Order
	// Environment is what the delivery is about, if anything, for whoever reads.
	Environment string
	// Reason is always shown: one sentence.
	Reason string
}

// Order is work to do.
type Order struct {
	// Key says which work it is. Work of one key is done once, however often it is
	// told, as in acme/shop production 2026-11-21.3.
	Key string
	// Lane says what it works on. Works of one lane are done one after another, on
	// whichever server, as in acme/shop production. Empty means the key.
	Lane string
	// Args is whatever the worker needs, as JSON.
	Args json.RawMessage
}

// Ignore is the decision not to work.
func Ignore(format string, args ...any) Decision {
	return Decision{Reason: fmt.Sprintf(format, args...)}
}

// Outcome is what became of a delivery when it was recorded.
type Outcome string

// What may become of a delivery.
const (
	Queued  Outcome = "queued"  // new work
	Again   Outcome = "again"   // work that had ended as a dead letter is driven again
	Joined  Outcome = "joined"  // another delivery told of the same work
	Seen    Outcome = "seen"    // this very delivery was recorded before
	Ignored Outcome = "ignored" // no work
)

// Receipt says what was recorded.
type Receipt struct {
	Outcome Outcome
	Reason  string
	// Work is the number of the work, zero without one.
	Work int64
}

// Record makes a delivery and its order durable in one transaction.
type Record func(context.Context, Delivery, Decision) (Receipt, error)

// ErrStopping says that the server takes no more deliveries.
var ErrStopping = errors.New("the server is stopping")

// read takes from a payload what every delivery may have. The platform's wrong
// types are not an error here: whoever judges sees the payload itself.
func (d *Delivery) read() error {
	if !valid(d.Payload) {
		return errors.New("it is no JSON")
	}
	all := gjson.ParseBytes(d.Payload)
	if !all.IsObject() {
		return errors.New("it is no object")
	}
	// To decode a hundred fields of which two matter would take longer than all else.
	d.Action, d.Repository = label(all.Get("action")), label(all.Get("repository.full_name"))
	return nil
}

// flat is how long JSON may be to be validated in the quicker of two ways, which goes as
// deep on the stack as the JSON is nested.
const flat = 64 << 10

// valid tells whether a payload is JSON.
func valid(payload []byte) bool {
	if len(payload) > flat {
		return json.Valid(payload)
	}
	return gjson.ValidBytes(payload)
}

// short is a name as a database can keep it: Postgres knows no NUL in a text.
func short(name string) string {
	name = strings.ReplaceAll(strings.ToValidUTF8(name, ""), "\x00", "")
	return strings.ToValidUTF8(name[:min(len(name), longest)], "")
}

// label is a value that should be a name, empty if it is none.
func label(value gjson.Result) string {
	if value.Type != gjson.String {
		return ""
	}
	return short(value.Str)
}
