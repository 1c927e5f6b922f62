package doctor

import (
	"context"
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
)

// Mark is how well something is.
type Mark string

// The marks, the best first. Unknown is neither well nor broken.
const (
	Well    Mark = "well"
	Unknown Mark = "unknown"
	Look    Mark = "look"
	Broken  Mark = "broken"
)

// Answer is what came of one question.
type Answer struct {
	Topic    string           `json:"topic"`
	Question string           `json:"question"`
	Mark     Mark             `json:"mark"`
	Evidence string           `json:"evidence"`
	Remedies []string         `json:"remedies,omitempty"`
	At       finding.Position `json:"at,omitzero"`
}

// Answers is an observer that keeps what was answered. The zero value is ready.
type Answers struct {
	All    []Answer
	topics map[string]string
}

// Observe implements pipeline.Observer.
func (a *Answers) Observe(_ context.Context, e pipeline.Event) error {
	switch e := e.(type) {
	case pipeline.Planned:
		a.topics = map[string]string{}
		for _, s := range e.Steps {
			a.topics[s.ID] = s.Title
		}
	case pipeline.Did:
		a.All = append(a.All, answer(a.topics[e.Step], e))
	case pipeline.Finished:
		if e.Verdict == pipeline.Blocked {
			a.All = append(a.All, Answer{Topic: a.topics[e.Step], Question: "everything", Mark: Unknown, Evidence: e.Reason})
		}
	}
	return nil
}

// answer is what one question came to: the worst finding tells.
func answer(topic string, did pipeline.Did) Answer {
	a := Answer{Topic: topic, Question: did.Task, Mark: Well, Evidence: did.Outcome}
	if did.Verdict == pipeline.Blocked || did.Verdict == pipeline.Cancelled {
		a.Mark = Unknown
	}
	worst := finding.Notice
	var said []string
	for _, f := range did.Findings {
		if f.Rule == notKnown && worst == finding.Notice {
			a.Mark = Unknown
		}
		if f.Severity == finding.Notice {
			continue
		}
		if f.Severity > worst {
			worst, a.At = f.Severity, f.At
		}
		said = append(said, f.Message)
		a.Remedies = append(a.Remedies, f.Hint)
	}
	switch worst {
	case finding.Warning:
		a.Mark = Look
	case finding.Error:
		a.Mark = Broken
	}
	if len(said) > 0 {
		a.Evidence = strings.Join(said, "; ")
	}
	return a
}
