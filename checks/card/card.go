package card

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/checks/markdown"
	"github.com/tminus/deploy-action/runner/release"
)

// The buttons, by their identifiers.
const (
	RollBack = "roll-back"
	Hold     = "hold"
	Verify   = "verify"
)

// mark begins the external ids of cards. It is not the mark of the action's own check
// runs, which close those that were left open.
const mark = "tminus/deploy-action-card:"

// Name is what the card of an environment is called on a commit.
func Name(env string) string { return "Release · " + env }

// external is the external id of a release's card.
func external(env, release string) string { return mark + env + ":" + release }

// Keeper keeps the cards of a repository.
type Keeper struct {
	Client *github.Client
	// App is the server's own App: check runs of others are never touched.
	App int64
	// Page is the address of the server's page, linked from the cards; empty for none.
	Page string
}

// Keep shows a release as the records of its environment have it, the newest first,
// with a note that says what was done last, if there is one.
func (k Keeper) Keep(ctx context.Context, all []deployment.Record, name, note string) error {
	i := slices.IndexFunc(all, func(r deployment.Record) bool { return r.Release == name && !r.Rollback() })
	if i < 0 {
		return nil
	}
	run := draw(all, i)
	if note != "" {
		run.Output.Summary = note + "\n\n" + run.Output.Summary
	}
	if k.Page != "" {
		run.DetailsURL = k.Page
	}
	found, err := k.Client.Runs(ctx, run.SHA, url.Values{"check_name": {run.Name}, "filter": {"all"}, "app_id": {fmt.Sprint(k.App)}})
	if err != nil {
		return err
	}
	if at := slices.IndexFunc(found, func(f github.FoundRun) bool { return f.ExternalID == run.ExternalID }); at >= 0 {
		return k.Client.UpdateRun(ctx, found[at].ID, run)
	}
	_, err = k.Client.CreateRun(ctx, run)
	return err
}

// Replaced are the releases whose cards may still have buttons although a newer one
// has come: the one before the newest, which is the only one that had them.
func Replaced(all []deployment.Record) string {
	n := 0
	for _, r := range all {
		if !r.Rollback() {
			if n++; n == 2 {
				return r.Release
			}
		}
	}
	return ""
}

// face is how a card shows what became of a release.
type face struct {
	status, conclusion, title string
	buttons                   bool
}

// look says what is seen of a release, which is one of the records: what became of it
// in the words that are used everywhere, and what that means for who reads it here.
func look(all []deployment.Record, i int) face {
	r := all[i]
	fate, rollback := deployment.Became(all, i)
	words := strings.ToUpper(string(fate[:1])) + string(fate[1:])
	if rollback != nil && rollback.Manifest.Back.By != "" && fate != deployment.Again {
		words += " by " + rollback.Manifest.Back.By
	}
	switch fate {
	case deployment.TakenBack:
		return face{github.Completed, github.Failure, words + ", as " + rollback.Release, false}
	case deployment.Leaving:
		return face{github.InProgress, "", words, false}
	case deployment.Again:
		return face{github.Completed, conclusion(r), words, false}
	}
	for _, later := range slices.Backward(all[:i]) {
		if !later.Rollback() {
			return face{github.Completed, conclusion(r), words + ", followed by release " + later.Release, false}
		}
	}
	switch {
	case fate == deployment.Underway:
		return face{github.InProgress, "", words, false}
	case fate == deployment.Failed:
		return face{github.Completed, github.Failure, words + ", and serves", true}
	case fate == deployment.CutOff:
		return face{github.Completed, github.Failure, words + ", and may serve", true}
	case r.Hold() != "":
		return face{github.Completed, github.Success, r.Hold(), true}
	case fate == deployment.Passed:
		return face{github.Completed, github.Success, words + ", and serves", true}
	}
	return face{github.Completed, conclusion(r), words, false}
}

// conclusion is how a release ended that serves no more.
func conclusion(r deployment.Record) string {
	if r.Good() {
		return github.Success
	}
	return github.Failure
}

// draw makes the check run of a release, which is one of the records.
func draw(all []deployment.Record, i int) github.CheckRun {
	r, f := all[i], look(all, i)
	run := github.CheckRun{
		Name: Name(r.Environment), SHA: r.Deployment.SHA, ExternalID: external(r.Environment, r.Release), Status: f.status, Conclusion: f.conclusion, Started: r.Created,
		Output: github.Output{Title: f.title, Summary: summary(r, f)}, Actions: []github.Action{},
	}
	if f.status == github.Completed {
		run.Completed = r.Last().Created
	}
	if f.buttons {
		run.Actions = []github.Action{
			{Label: "Roll back", Description: "Back to the last good release", Identifier: RollBack},
			{Label: "Hold", Description: "Keep other releases out", Identifier: Hold},
			{Label: "Retry verification", Description: "Ask health and smoke again", Identifier: Verify},
		}
	}
	return run
}

// summary is what a reader sees of a release.
func summary(r deployment.Record, f face) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Release %s to %s", markdown.Code(r.Release), markdown.Code(r.Environment))
	if r.Run.URL != "" {
		fmt.Fprintf(&b, ", made by [this run](%s)", r.Run.URL)
	}
	b.WriteString(".")
	if words := r.Last().Description; words != "" {
		fmt.Fprintf(&b, " %s.", strings.TrimRight(markdown.Escape(words), "."))
	}
	if f.buttons {
		b.WriteString("\n\nThe buttons are for those who may write to the repository. **Roll back** takes the environment to the last release that passed, **Hold** keeps every other release out until somebody lifts the hold, **Retry verification** asks health and smoke once more and changes nothing.")
	}
	b.WriteString("\n\n| Worker | version | before |\n|---|---|---|\n")
	for _, w := range r.Workers {
		version := "put as a whole"
		switch {
		case w.Unchanged:
			version = "unchanged"
		case w.Version != "":
			version = markdown.Code(release.Brief(w.Version))
		}
		before := "new"
		if len(w.Previous) > 0 {
			before = ""
			for _, s := range w.Previous {
				before += fmt.Sprintf(" %s", markdown.Code(release.Brief(s.Version)))
				if s.Percent != 100 {
					before += fmt.Sprintf(" %g %%", s.Percent)
				}
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", markdown.Escape(w.Worker), version, strings.TrimSpace(before))
	}
	return b.String()
}
