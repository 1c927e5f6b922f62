package deployment

import (
	"slices"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/github"
)

// Record is a release, or the rollback of one, as GitHub has it.
type Record struct {
	// Deployment is what GitHub knows of it. Whoever acts on a record decides by that
	// whether to believe it: the environment, who made it, and the payload as it came.
	Deployment github.Deployment
	Payload
	// Said is what was said of it, the newest first; empty if nobody asked.
	Said []github.Status
}

// Read makes a record of a deployment and of what was said of it, as far as that is
// known; false if the deployment is not ours.
func Read(d github.Deployment, said ...github.Status) (Record, bool) {
	p, ours := ParsePayload(d.Payload)
	return Record{Deployment: d, Payload: p, Said: said}, ours
}

// Last is the last that was said of it; the zero Status if nobody asked.
func (r Record) Last() github.Status {
	if len(r.Said) == 0 {
		return github.Status{}
	}
	return r.Said[0]
}

// State is the last state that was set; empty if nobody asked.
func (r Record) State() string { return r.Last().State }

// Open tells whether nobody has said yet how it ended.
func (r Record) Open() bool { return r.Last().Open() }

// Failed tells whether it failed, or ended without a verdict.
func (r Record) Failed() bool { return r.Last().Failed() }

// Good tells whether it passed its gates at some time, as far as is known.
func (r Record) Good() bool {
	return slices.ContainsFunc(r.Said, func(s github.Status) bool { return s.State == github.Success })
}

// Verdict is the last that was said of it, hold or no hold; the zero Status if nothing
// was.
func (r Record) Verdict() github.Status {
	for _, one := range r.Said {
		if !Aside(one.Description) {
			return one
		}
	}
	return github.Status{}
}

// Since is when its verdict was said, or it was made.
func (r Record) Since() time.Time {
	if v := r.Verdict(); !v.Created.IsZero() {
		return v.Created
	}
	return r.Deployment.Created
}

// Hold says who holds it and why; empty if nobody does.
func (r Record) Hold() string {
	if words := r.Last().Description; strings.HasPrefix(words, holding) {
		return words
	}
	return ""
}

// Rollback tells whether it takes another release back. What says so in its task alone
// is no release to act on either.
func (r Record) Rollback() bool {
	return r.Deployment.Task != TaskDeploy || r.Manifest.Back != nil
}

// Takes tells whether it takes a certain release back.
func (r Record) Takes(name string) bool {
	return r.Manifest.Back != nil && r.Manifest.Back.From == name
}
