package deployment

import "github.com/tminus/deploy-action/checks/github"

// Fate is what became of a release or of a rollback, in the words for it that a person
// reads wherever it is shown.
type Fate string

// What may become of a release.
const (
	Underway  Fate = "under way"
	Passed    Fate = "passed"
	Failed    Fate = "failed"
	CutOff    Fate = "cut off" // it ended without a verdict
	Leaving   Fate = "being taken back"
	TakenBack Fate = "taken back"
	Again     Fate = "serves again"
	Replaced  Fate = "replaced"
	Unused    Fate = "not in use" // nor was it ever good
	Unjudged  Fate = "not judged" // or nobody asked
)

// What may become of a rollback, besides.
const (
	GoingBack  Fate = "going back"
	RolledBack Fate = "rolled back"
	NotBack    Fate = "not back"
)

// Became tells what became of one of the records, the newest first, and which rollback
// is the reason; nil if none is.
func Became(all []Record, i int) (Fate, *Record) {
	r := all[i]
	if back := all[0].Manifest.Back; back != nil && back.To == r.Release && all[0].Good() {
		return Again, &all[0]
	}
	if by := Taker(all, i); by != nil {
		return TakenBack, by
	}
	for at := range i {
		if all[at].Takes(r.Release) && all[at].Open() {
			return Leaving, &all[at]
		}
	}
	return r.fate(), nil
}

// fate is what became of it as far as its own record says.
func (r Record) fate() Fate {
	going, good, bad := Underway, Passed, Failed
	if r.Rollback() {
		going, good, bad = GoingBack, RolledBack, NotBack
	}
	switch {
	case r.Open():
		return going
	case r.State() == github.Success:
		return good
	case r.State() == github.Failure:
		return bad
	case r.Failed():
		return CutOff
	case r.State() == github.Inactive && r.Good():
		return Replaced
	case r.State() == github.Inactive:
		return Unused
	}
	return Unjudged
}
