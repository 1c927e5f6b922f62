package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/alarm"
	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/checks/hook/ledger"
)

// dispatcher takes releases back through the repository's own workflow, which has the
// secrets for it. It starts the workflow once, and follows the run to its end.
//
// What it does is in the audit log before and after: which mark it asks for, which run
// has it, how that ended. So a server that was cut off finds the run again, by its
// number or, if it was not told the number, by the mark, which is in the reason and so
// in the run's name, if the workflow has a run-name as ours does.
type dispatcher struct {
	workflow string
	ledger   *ledger.Ledger
	redact   func(string) string
	// again is how long to wait between two questions, find how long a run may take to
	// be listed.
	again, find time.Duration
}

// dispatches is who writes these lines of the audit log.
const dispatches = "executor dispatch"

// The lines of the audit log, which are read again.
const (
	noteAsked = "asks for run %s"
	noteRun   = "follows run %d, which is %s"
	noteGuess = "follows run %d, taken for %s"
	noteEnd   = "run %d ended with %s"
)

// progress is how far a release's way back is, by the audit log.
type progress struct {
	turn  int       // how many runs have ended without success
	asked time.Time // when the run of this turn was asked for; zero if it was not
	attempt
}

// attempt is a run that was started; its number is zero if it is not known.
type attempt struct {
	run   int64
	guess bool // it may be somebody else's
}

func (d *dispatcher) progress(ctx context.Context, key string) (progress, error) {
	var p progress
	notes, err := d.ledger.Notes(ctx, dispatches, key)
	for _, n := range notes {
		var run int64
		var word string
		switch {
		case scans(n.What, noteEnd, &run, &word):
			p = progress{turn: p.turn + 1}
		case scans(n.What, noteRun, &run, &word):
			p.attempt = attempt{run: run}
		case scans(n.What, noteGuess, &run, &word):
			p.attempt = attempt{run: run, guess: true}
		case scans(n.What, noteAsked, &word):
			p.asked = n.At
		}
	}
	return p, err
}

func scans(text, format string, into ...any) bool {
	n, err := fmt.Sscanf(text, format, into...)
	return err == nil && n == len(into)
}

// note writes into the audit log, even if the work is being ended.
func (d *dispatcher) note(ctx context.Context, key, format string, args ...any) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return d.ledger.Note(ctx, dispatches, fmt.Sprintf(format, args...), key)
}

// marking begins every mark.
const marking = "webhook-"

// mark names the run of one turn of a work, for everybody the same.
func mark(key string, turn int) string {
	sum := sha256.Sum256([]byte(key))
	return fmt.Sprintf("%s%x-%d", marking, sum[:6], turn+1)
}

// run has the release of an alarm taken back, to a release or, if that is empty, to
// whatever the workflow finds.
func (d *dispatcher) run(ctx context.Context, c *github.Client, al alarm.Alarm, to string, say func(string)) (outcome, error) {
	key := al.Key()
	p, err := d.progress(ctx, key)
	if err != nil {
		return outcome{}, fmt.Errorf("read what was started: %w", err)
	}
	if p.run == 0 {
		if p.attempt, err = d.begun(ctx, c, al, p, to); err != nil {
			return outcome{}, err
		}
	}
	url, err := d.follow(ctx, c, al, p.attempt, say)
	return outcome{Kind: rolledBack, To: to, Text: fmt.Sprintf("taken back by %s: %s", d.workflow, url)}, err
}

// begun is the run of a turn: one that was asked for before the server was cut off, or a
// new one.
func (d *dispatcher) begun(ctx context.Context, c *github.Client, al alarm.Alarm, p progress, to string) (attempt, error) {
	m := mark(al.Key(), p.turn)
	var a attempt
	var err error
	if !p.asked.IsZero() {
		a, err = d.found(ctx, c, m, p.asked)
	}
	if a.run == 0 && err == nil {
		a, err = d.start(ctx, c, al, m, to)
	}
	if err != nil {
		return attempt{}, err
	}
	words := noteRun
	if a.guess {
		words = noteGuess
	}
	if err := d.note(ctx, al.Key(), words, a.run, m); err != nil {
		return attempt{}, fmt.Errorf("write down which run was started: %w", err)
	}
	return a, nil
}

// start starts the workflow.
func (d *dispatcher) start(ctx context.Context, c *github.Client, al alarm.Alarm, mark, to string) (attempt, error) {
	branch, err := c.DefaultBranch(ctx)
	if err != nil {
		return attempt{}, err
	}
	if err := d.note(ctx, al.Key(), noteAsked, mark); err != nil {
		return attempt{}, fmt.Errorf("write down what is started: %w", err)
	}
	asked := time.Now()
	inputs := map[string]string{"environment": al.Environment, "release": to, "reason": d.reason(al, mark)}
	run, err := c.Dispatch(ctx, d.workflow, branch, inputs)
	if err != nil && !github.Doubtful(err) || run != 0 {
		return attempt{run: run}, err
	}
	a, lookErr := d.found(ctx, c, mark, asked)
	if a.run == 0 {
		return a, errors.Join(err, lookErr, errors.New("GitHub does not list the run that was asked for"))
	}
	return a, nil
}

// reason is why the workflow is started, with the mark in front, where nothing cuts it off.
func (d *dispatcher) reason(al alarm.Alarm, mark string) string {
	text := []rune(d.redact(fmt.Sprintf("%s: release %s failed: %s", mark, al.Payload.Release, first(al.Words, "without a word"))))
	return string(text[:min(len(text), 300)])
}

// found looks for the run that was asked for, until it is listed. A workflow without a
// run-name does not tell; then it may be the newest that has been started since.
func (d *dispatcher) found(ctx context.Context, c *github.Client, mark string, asked time.Time) (attempt, error) {
	for end := time.Now().Add(d.find); ; {
		all, err := c.WorkflowRuns(ctx, d.workflow, url.Values{"event": {"workflow_dispatch"}}, 30)
		if err != nil {
			return attempt{}, err
		}
		for _, r := range all {
			if strings.Contains(r.Title, mark) {
				return attempt{run: r.ID}, nil
			}
		}
		for _, r := range all {
			if !strings.Contains(r.Title, marking) && r.Created.After(asked.Add(-skew)) {
				return attempt{run: r.ID, guess: true}, nil
			}
		}
		if !time.Now().Before(end) {
			return attempt{}, nil
		}
		if err := d.pause(ctx); err != nil {
			return attempt{}, err
		}
	}
}

// skew is how far GitHub's clock may be behind this server's.
const skew = 10 * time.Second

// follow waits for the end of a run, and gives the address of its page.
func (d *dispatcher) follow(ctx context.Context, c *github.Client, al alarm.Alarm, a attempt, say func(string)) (string, error) {
	before := ""
	for {
		r, err := c.WorkflowRun(ctx, a.run)
		if err != nil {
			return "", err
		}
		if r.Status == github.Completed {
			return r.URL, d.ended(ctx, c, al, a, r)
		}
		if r.Status != before {
			before = r.Status
			say(fmt.Sprintf("%s is %s: %s", d.workflow, strings.ReplaceAll(r.Status, "_", " "), r.URL))
		}
		if err := d.pause(ctx); err != nil {
			return "", err
		}
	}
}

// ended writes down that a run ended without success, so that the next try starts
// another. One that may be somebody else's must have taken the release back.
func (d *dispatcher) ended(ctx context.Context, c *github.Client, al alarm.Alarm, a attempt, r github.WorkflowRun) error {
	conclusion := r.Conclusion
	if conclusion == github.Success && a.guess {
		all, err := deployment.Newest(ctx, c, al.Environment)
		if err != nil {
			return err
		}
		if deployment.Taker(all, deployment.Latest(all)) == nil {
			conclusion = "no-rollback"
		}
	}
	if conclusion == github.Success {
		return nil
	}
	if err := d.note(ctx, al.Key(), noteEnd, r.ID, conclusion); err != nil {
		return fmt.Errorf("write down how the run ended: %w", err)
	}
	return fmt.Errorf("%s ended with %s: %s", d.workflow, strings.ReplaceAll(conclusion, "-", " "), r.URL)
}

func (d *dispatcher) pause(ctx context.Context) error {
	select {
	case <-time.After(d.again):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
