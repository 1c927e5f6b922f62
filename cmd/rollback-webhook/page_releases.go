package main

import (
	"fmt"

	"github.com/tminus/deploy-action/checks/console"
	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/github"
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

// releases are the last releases with their verdicts.
func releases(all []deployment.Record, repository string, redact func(string) string) []console.Release {
	taken, again := map[string]bool{}, ""
	for i, r := range all {
		if r.Manifest.Back != nil && r.Good() {
			taken[r.Manifest.Back.From] = true
			if i == 0 {
				again = r.Manifest.Back.To
			}
		}
	}
	var shown []console.Release
	for _, r := range all[:min(len(all), shownReleases)] {
		one := console.Release{Name: r.Release, Commit: r.Commit, Created: r.Created, Verdict: verdict(r), Words: about(r, redact)}
		switch {
		case taken[r.Release]:
			one.Verdict = console.Mark{Tone: console.Held, Word: "taken back"}
		case again != "" && r.Release == again:
			one.Verdict = console.Mark{Tone: console.Good, Word: "serves again"}
		}
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

// verdict is what became of a release, as far as its own record says.
func verdict(r deployment.Record) console.Mark {
	back := r.Manifest.Back != nil
	switch r.State() {
	case github.Queued, github.InProgress, "pending":
		if back {
			return console.Mark{Tone: console.Busy, Word: "going back"}
		}
		return console.Mark{Tone: console.Busy, Word: "under way"}
	case github.Success:
		if back {
			return console.Mark{Tone: console.Good, Word: "rolled back"}
		}
		return console.Mark{Tone: console.Good, Word: "passed"}
	case github.Failure:
		if back {
			return console.Mark{Tone: console.Bad, Word: "not back"}
		}
		return console.Mark{Tone: console.Bad, Word: "failed"}
	case github.Error:
		return console.Mark{Tone: console.Bad, Word: "cut off"}
	case github.Inactive:
		if r.Good() {
			return console.Mark{Tone: console.Plain, Word: "replaced"}
		}
		return console.Mark{Tone: console.Plain, Word: "not in use"}
	}
	return console.Mark{Tone: console.Plain, Word: "not judged"}
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
