package report

import (
	"context"
	"encoding/json"
	"io"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
)

// JSON is an observer that writes one JSON object for each event, with the kind
// of the event under "event" and durations in nanoseconds.
type JSON struct{ W io.Writer }

// Observe implements pipeline.Observer.
func (j JSON) Observe(_ context.Context, e pipeline.Event) error {
	return WriteJSON(j.W, e.Kind(), e)
}

// WriteJSON writes a value as one line, with its kind under "event".
func WriteJSON(w io.Writer, kind string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	line := append([]byte(`{"event":`+quote(kind)), ',')
	if len(raw) > 2 {
		line = append(line, raw[1:]...)
	} else {
		line = append(line[:len(line)-1], '}')
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

func quote(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(raw)
}

// Redacted hands events on with every text redacted.
type Redacted struct {
	To     pipeline.Observer
	Redact func(string) string
}

// Observe implements pipeline.Observer.
func (r Redacted) Observe(ctx context.Context, e pipeline.Event) error {
	switch v := e.(type) {
	case pipeline.Said:
		v.Line = r.Redact(v.Line)
		e = v
	case pipeline.Did:
		v.Outcome, v.Findings = r.Redact(v.Outcome), Findings(v.Findings, r.Redact)
		e = v
	case pipeline.Finished:
		v.Reason, v.Findings = r.Redact(v.Reason), Findings(v.Findings, r.Redact)
		e = v
	}
	return r.To.Observe(ctx, e)
}

// Findings are findings with every text redacted.
func Findings(all []finding.Finding, redact func(string) string) []finding.Finding {
	out := make([]finding.Finding, len(all))
	for i, f := range all {
		f.Message, f.Hint = redact(f.Message), redact(f.Hint)
		out[i] = f
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
