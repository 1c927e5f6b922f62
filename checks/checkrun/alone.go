package checkrun

import (
	"context"
	"sync"
	"time"

	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/checks/lane"
	"github.com/tminus/deploy-action/checks/markdown"
	"github.com/tminus/deploy-action/runner/finding"
)

// Alone is one check run that is no stage of a pipeline: whoever has something
// to show writes it. It bears the keeper's name, and shares what the keeper knows of
// refusals. Calls are made beside the work; only [Alone.End] waits for them.
type Alone struct {
	keeper *Keeper
	step   string
	lane   lane.Lane

	mu    sync.Mutex
	run   github.CheckRun // as it should be seen
	ended bool

	id int64 // the lane's alone
}

// Alone makes such a run. The step names it among those of the job.
func (k *Keeper) Alone(step string) *Alone { return &Alone{keeper: k, step: step} }

// Queue posts the run as waiting, and closes what earlier runs left open.
func (a *Alone) Queue(ctx context.Context, title string) {
	a.show(ctx, func(r *github.CheckRun) {
		r.Status, r.Output = github.Queued, github.Output{Title: title, Summary: title}
	})
	a.keeper.tidied.Go(func() { a.keeper.tidy(ctx) })
	a.keeper.tidied.Go(func() { a.keeper.amend(ctx) })
}

// Start shows that the work is under way.
func (a *Alone) Start(ctx context.Context, title string) {
	a.show(ctx, func(r *github.CheckRun) {
		r.Status, r.Started, r.Output = github.InProgress, time.Now(), github.Output{Title: title, Summary: title}
	})
}

// Cancel closes the run at once, while the work itself is still ending. It does
// not wait.
func (a *Alone) Cancel(ctx context.Context, reason string) {
	a.show(ctx, func(r *github.CheckRun) {
		r.Status, r.Conclusion, r.Completed = github.Completed, github.Cancelled, time.Now()
		r.Output = github.Output{Title: "Cancelled: " + reason, Summary: "Nothing was changed."}
	})
}

// Ending is what a run shows when its work is over. The texts are Markdown.
type Ending struct {
	Conclusion           string // one of github's
	Title, Summary, Text string
	// Findings become annotations at their lines.
	Findings []finding.Finding
}

// End shows how the work ended, and waits until GitHub has it. A refusal is not an
// error: [Keeper.Refused] tells it.
func (a *Alone) End(ctx context.Context, e Ending) error {
	a.show(ctx, func(r *github.CheckRun) {
		r.Status, r.Conclusion, r.Completed = github.Completed, e.Conclusion, time.Now()
		r.Output = github.Output{Title: e.Title, Summary: e.Summary, Text: e.Text, Annotations: annotations(a.keeper.Links, e.Findings)}
	})
	a.mu.Lock()
	a.ended = true
	a.mu.Unlock()
	patience := closing
	if e.Conclusion == github.Cancelled {
		patience = closingSooner
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := a.lane.Wait(ctx)
	a.keeper.tidied.Wait()
	if a.keeper.Refused() != nil {
		return nil
	}
	return err
}

// show changes what should be seen and has it sent, unless the end is shown already.
func (a *Alone) show(ctx context.Context, change func(*github.CheckRun)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.ended {
		change(&a.run)
		a.lane.Set(ctx, a.send)
	}
}

func (a *Alone) send(ctx context.Context) error {
	k := a.keeper
	if k.Refused() != nil {
		return errRefused
	}
	a.mu.Lock()
	run := a.run
	a.mu.Unlock()
	run.Name, run.SHA, run.ExternalID, run.DetailsURL = k.Name, k.SHA, k.Owner.externalID(a.step), k.Owner.URL
	var err error
	begin := time.Now()
	if a.id == 0 {
		a.id, err = k.Client.CreateRun(ctx, run)
	} else {
		err = k.Client.UpdateRun(ctx, a.id, run)
	}
	k.answered(err, time.Since(begin))
	return err
}

// annotations are the findings that have a line. Errors come first.
func annotations(links markdown.Links, found []finding.Finding) []github.Annotation {
	var all []github.Annotation
	for _, f := range heaviest(found) {
		if f.At.IsZero() {
			continue
		}
		a := github.Annotation{Path: links.Path(f.At), Level: levels[f.Severity], Title: f.Rule, Message: Message(f), Line: f.At.Line, EndLine: f.At.EndLine, Column: f.At.Column}
		if f.At.EndColumn > 0 {
			a.EndColumn = f.At.EndColumn - 1 // ours is exclusive
		}
		all = append(all, a)
	}
	return all
}
