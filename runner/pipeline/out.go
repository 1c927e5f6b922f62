package pipeline

import (
	"fmt"
	"sync"

	"github.com/tminus/deploy-action/runner/finding"
)

// Out is where a task tells what it finds, what it is doing and what came of
// it. It may be used from several goroutines.
type Out struct {
	say func(line string)

	mu       sync.Mutex
	findings []finding.Finding
	outcome  string
}

// Note keeps a finding. An error-level one closes the gate even if the task
// returns nil.
func (o *Out) Note(f finding.Finding) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.findings = append(o.findings, f)
}

// Sayf tells a line of progress while the task runs.
func (o *Out) Sayf(format string, args ...any) { o.say(fmt.Sprintf(format, args...)) }

// Endf says in a few words what came of the task; the last call counts.
func (o *Out) Endf(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.outcome = fmt.Sprintf(format, args...)
}

// taken gives what was told so far.
func (o *Out) taken() ([]finding.Finding, string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.findings, o.outcome
}
