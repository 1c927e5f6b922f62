package doctor

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/sight"
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
	Topic    string `json:"topic"`
	Question string `json:"question"`
	Mark     Mark   `json:"mark"`
	// Evidence is one line that says why.
	Evidence string `json:"evidence"`
	// Findings are what is broken or worth a look, each with its place and remedy.
	Findings []finding.Finding `json:"findings,omitempty"`
}

// Answers is an observer that keeps what was answered, in the order of the plan. The
// zero value is ready.
type Answers struct {
	All []Answer

	topics map[string]string
	place  map[string]int // of a question in the plan
}

// Observe implements pipeline.Observer.
func (a *Answers) Observe(_ context.Context, e pipeline.Event) error {
	switch e := e.(type) {
	case pipeline.Planned:
		a.topics, a.place = map[string]string{}, map[string]int{}
		for _, s := range e.Steps {
			a.topics[s.ID] = s.Title
			for _, t := range s.Tasks {
				a.place[s.Title+t.Title] = len(a.place)
			}
		}
	case pipeline.Did:
		a.All = append(a.All, answer(a.topics[e.Step], e))
	case pipeline.Finished:
		if e.Verdict == pipeline.Blocked {
			a.All = append(a.All, Answer{Topic: a.topics[e.Step], Question: "everything", Mark: Unknown, Evidence: e.Reason})
		}
		slices.SortStableFunc(a.All, func(x, y Answer) int {
			if x.Topic != y.Topic {
				return 0 // topics end one after another
			}
			return cmp.Compare(a.place[x.Topic+x.Question], a.place[y.Topic+y.Question])
		})
	}
	return nil
}

// answer is what one question came to: the worst finding tells.
func answer(topic string, did pipeline.Did) Answer {
	a := Answer{Topic: topic, Question: did.Task, Mark: Well, Evidence: did.Outcome}
	if did.Verdict == pipeline.Blocked || did.Verdict == pipeline.Cancelled {
		a.Mark = Unknown
	}
	var said []string
	for _, f := range did.Findings {
		switch {
		case f.Severity == finding.Error:
			a.Mark = Broken
		case f.Severity == finding.Warning && a.Mark != Broken:
			a.Mark = Look
		case f.Rule == sight.NotKnown && a.Mark == Well:
			a.Mark = Unknown
		}
		if f.Severity > finding.Notice {
			said = append(said, f.Message)
			a.Findings = append(a.Findings, f)
		}
	}
	if len(said) > 0 {
		a.Evidence = strings.Join(said, "; ")
	}
	return a
}
