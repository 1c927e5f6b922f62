package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
)

// Task is one thing that a step does.
type Task struct {
	// Title says what is done, in words; it is the same in a dry run, on the board
	// and in a check run, and it is unique in its step.
	Title string
	// At is the line of configuration that asks for the task. It is given to any
	// finding of the task that has no place of its own.
	At finding.Position
	// Needs are titles of tasks of the same stage that must pass first.
	Needs []string
	// After are titles of tasks of the same stage that must have ended first,
	// however they did.
	After []string
	// Do does it. A nil error and no error-level note means that it passed.
	Do func(ctx context.Context, out *Out) error
}

// Stage makes the tasks of a step. It is pure: it asks no network, so that a
// plan can be printed before anything is done.
type Stage interface {
	// Name is one lower-case word: build, migrate, deploy, health, smoke.
	Name() string
	// Tasks are what will run, in the order in which a person would read them.
	Tasks() []Task
}

// Step is a stage in its place: a gate of the plan.
type Step struct {
	Stage Stage
	// Env is the environment, empty for a stage that is not about one.
	Env string
	// Needs are the ids of the steps that must pass first; nil means all that stand
	// before it, an empty list none.
	Needs []string
	// KeepGoing: a task that fails does not keep others from being started, so
	// that a reader sees all that is wrong at once.
	KeepGoing bool
	// Skip, when not empty, is the reason why the step is not run.
	Skip string
	// Elsewhere: the step is not run here because another job runs it. Skip says so too.
	Elsewhere bool
	// Undo runs when the step fails or is cancelled, if it is not nil: every task,
	// whatever becomes of the others, cancelled or not.
	Undo Stage
}

// ID names the step for machines: "build", "deploy-staging".
func (s Step) ID() string {
	if s.Env == "" {
		return s.Stage.Name()
	}
	return s.Stage.Name() + "-" + s.Env
}

// Title names the step for people: "Build", "Deploy staging".
func (s Step) Title() string {
	name := s.Stage.Name()
	title := strings.ToUpper(name[:1]) + name[1:]
	if s.Env != "" {
		title += " " + s.Env
	}
	return title
}

// Plan is the whole road.
type Plan struct {
	Steps []Step
	// Width is how many tasks of a step run at once; zero means four.
	Width int
}

// Planned is what the plan will do, as the first event of a run and as the
// answer to a dry run.
func (p Plan) Planned() Planned {
	var all Planned
	for _, s := range p.Steps {
		one := PlannedStep{ID: s.ID(), Title: s.Title(), Env: s.Env, Skip: s.Skip, Elsewhere: s.Elsewhere}
		for _, t := range s.Stage.Tasks() {
			one.Tasks = append(one.Tasks, PlannedTask{Title: t.Title, At: t.At, Needs: t.Needs})
		}
		if s.Undo != nil {
			for _, t := range s.Undo.Tasks() {
				one.Undo = append(one.Undo, PlannedTask{Title: t.Title, At: t.At, Needs: t.Needs})
			}
		}
		all.Steps = append(all.Steps, one)
	}
	return all
}

// check finds what would make a plan impossible to run. Such a plan is a
// mistake of the program, not of its user.
func (p Plan) check() error {
	var errs []error
	ids := map[string]bool{}
	for _, s := range p.Steps {
		if ids[s.ID()] {
			errs = append(errs, fmt.Errorf("step %s stands twice in the plan", s.ID()))
		}
		for _, need := range s.Needs {
			if !ids[need] {
				errs = append(errs, fmt.Errorf("step %s needs %s, which does not stand before it", s.ID(), need))
			}
		}
		ids[s.ID()] = true
		errs = append(errs, checkTasks(s.ID(), s.Stage.Tasks()))
		if s.Undo != nil {
			errs = append(errs, checkTasks(s.ID()+" (undo)", s.Undo.Tasks()))
		}
	}
	return errors.Join(errs...)
}

// checkTasks wants titles to be unique and needs to name earlier or later tasks
// without going round in circles.
func checkTasks(step string, tasks []Task) error {
	needs := map[string][]string{}
	for _, t := range tasks {
		if _, ok := needs[t.Title]; ok {
			return fmt.Errorf("step %s: task %q stands twice", step, t.Title)
		}
		needs[t.Title] = slices.Concat(t.Needs, t.After)
	}
	done := map[string]bool{}
	for len(done) < len(tasks) {
		before := len(done)
		for _, t := range tasks {
			ready := !slices.ContainsFunc(needs[t.Title], func(n string) bool { return !done[n] })
			if ready {
				done[t.Title] = true
			}
		}
		if len(done) == before {
			return fmt.Errorf("step %s: some tasks wait for each other or for one that does not exist", step)
		}
	}
	return nil
}
