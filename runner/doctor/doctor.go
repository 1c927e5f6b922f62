package doctor

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/diagnosis"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/probe"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/sight"
	"github.com/tminus/deploy-action/runner/stage"
)

// Doctor is one visit to some environments of a project.
type Doctor struct {
	// Project and its directory. Targets are the environments, narrowed to the Workers
	// that are asked about.
	Project project.Project
	Dir     string
	Targets []project.Target
	Account Account
	Probe   *probe.Client
	Names   Names
	// Recorded are the last releases that were recorded, by environment, as far as
	// there is a record.
	Recorded map[string]release.Manifest
	// Smoke has the smoke test run too, which makes users.
	Smoke  bool
	Redact func(string) string
	// Now is the time; nil means the machine's.
	Now func() time.Time

	seen   sight.Sight
	faces  faces
	judged judged
}

// Account is how the account is reached.
type Account struct {
	Client *cloudflare.Client
	// ID is the account's id. Missing is why there is no client, if there is none.
	ID      string
	Missing error
	// Clock, if set, is the client's transport.
	Clock *cloudflare.Clock
}

// Names is how host names are looked up.
type Names struct {
	// Lookup asks the system's resolver.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Pinned tells whether the user says where a host is, so that the resolver is not
	// asked.
	Pinned func(host string) bool
	// Around tells whether a host was reached although the resolver does not know it.
	Around func(host string) bool
}

// Steps are the topics. Only the first is in the way of others.
func (d *Doctor) Steps() []pipeline.Step {
	const account = "account"
	steps := []pipeline.Step{{Stage: topic{account, d.account()}}}
	ask := diagnosis.Questions{Project: d.Project, Targets: d.Targets, Seen: &d.seen, Recorded: d.Recorded, Now: d.Now}
	for _, t := range []topic{
		{"token", d.token()}, {"code", d.code()}, {"objects", ask.Objects()}, {"hosts", d.hosts()}, {"health", d.health()},
		{"smoke", ask.Smoke()}, {"queues", ask.Queues()}, {"deployments", ask.Deployments()}, {"exposure", ask.Exposure()}, {"drift", ask.Drift()},
	} {
		needs := []string{account}
		if t.name == "code" || t.name == "hosts" || t.name == "health" {
			needs = []string{} // the files are here and hosts answer, whatever becomes of the account
		}
		step := pipeline.Step{Stage: t, KeepGoing: true, Needs: needs}
		if len(t.tasks) == 0 {
			step.Skip = "nothing of the kind is configured"
		}
		steps = append(steps, step)
	}
	if !d.Smoke {
		return steps
	}
	for _, t := range d.Targets {
		s := stage.Smoke{Probe: d.Probe, Target: t, Scenario: d.Project.Settings.Smoke, Redact: d.Redact}
		steps = append(steps, pipeline.Step{Stage: s, Env: t.Env, KeepGoing: true, Needs: []string{}, Skip: s.Missing()})
	}
	return steps
}

// topic is a stage of questions.
type topic struct {
	name  string
	tasks []pipeline.Task
}

// Name implements pipeline.Stage.
func (t topic) Name() string { return t.name }

// Tasks implements pipeline.Stage. What two environments or Workers claim, by mistake,
// is asked about twice and told apart by a number.
func (t topic) Tasks() []pipeline.Task {
	seen := map[string]int{}
	tasks := slices.Clone(t.tasks)
	for i, one := range tasks {
		if seen[one.Title]++; seen[one.Title] > 1 {
			tasks[i].Title = fmt.Sprintf("%s (%d)", one.Title, seen[one.Title])
		}
	}
	return tasks
}

// once is a thing that is found out when it is first asked for.
type once[T any] struct {
	mu  sync.Mutex
	all map[string]func() T
}

// get gives the thing of a key; whoever comes while it is found out waits.
func (o *once[T]) get(key string, find func() T) T {
	o.mu.Lock()
	if o.all == nil {
		o.all = map[string]func() T{}
	}
	f, ok := o.all[key]
	if !ok {
		f = sync.OnceValue(find)
		o.all[key] = f
	}
	o.mu.Unlock()
	return f()
}
