package main

import (
	"fmt"

	"github.com/tminus/deploy-action/checks/console"
	"github.com/tminus/deploy-action/checks/deployment"
)

// shownReleases is how many of the last releases are shown. GitHub is asked for the
// verdicts of a few more.
const shownReleases = 8

// live is the release that a rollback would take back: the newest, unless that was
// done.
func live(all []deployment.Record) string {
	i := deployment.Latest(all)
	if i < 0 || deployment.Taker(all, i) != nil {
		return ""
	}
	return all[i].Release
}

// releases are the last releases, and what became of them.
func releases(all []deployment.Record, repository string, redact func(string) string) []console.Release {
	var shown []console.Release
	for i, r := range all[:min(len(all), shownReleases)] {
		fate, _ := deployment.Became(all, i)
		one := console.Release{Name: r.Release, Commit: r.Commit, Created: r.Created, Verdict: console.Mark{Tone: tone(fate), Word: string(fate)}, Words: about(r, redact)}
		if r.Commit != "" {
			one.URL = repository + "/commit/" + r.Commit
		}
		if r.Manifest.Back != nil {
			one.Back = r.Manifest.Back.From
		}
		shown = append(shown, one)
	}
	return shown
}

// tone is how it feels what became of a release.
func tone(f deployment.Fate) console.Tone {
	switch f {
	case deployment.Underway, deployment.GoingBack, deployment.Leaving:
		return console.Busy
	case deployment.Passed, deployment.RolledBack, deployment.Again:
		return console.Good
	case deployment.Failed, deployment.NotBack, deployment.CutOff:
		return console.Bad
	case deployment.TakenBack:
		return console.Held
	}
	return console.Plain
}

// about says what a release was about.
func about(r deployment.Record, redact func(string) string) string {
	if b := r.Manifest.Back; b != nil {
		words := "takes back " + b.From
		if b.To != "" {
			words += ", back to " + b.To
		}
		if b.Reason != "" {
			words += ": " + redact(b.Reason)
		}
		if b.By != "" {
			words += " (" + b.By + ")"
		}
		return words
	}
	changed := 0
	for _, w := range r.Workers {
		if !w.Unchanged {
			changed++
		}
	}
	words := fmt.Sprintf("%d of %d Workers changed", changed, len(r.Workers))
	switch n := applied(r); n {
	case 0:
		return words
	case 1:
		return words + ", 1 migration"
	default:
		return words + fmt.Sprintf(", %d migrations", n)
	}
}

func applied(r deployment.Record) int {
	n := 0
	for _, d := range r.Databases {
		n += len(d.Applied)
	}
	return n
}
