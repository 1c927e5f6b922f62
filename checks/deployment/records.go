package deployment

import (
	"fmt"
	"slices"

	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/runner/release"
)

// Back finds among the records the release to be taken back, the newest, and the
// one to go back to: the last good one before it that was not taken back itself, or
// the one with the given name. The second is nil when there is none.
func Back(all []Record, to string) (from, good *release.Manifest, err error) {
	taken := map[string]bool{}
	for _, r := range all {
		if r.Manifest.Back != nil {
			taken[r.Manifest.Back.From] = true
		}
	}
	for i, r := range all {
		switch {
		case r.Rollback():
		case from == nil:
			from = &all[i].Manifest
			if to == from.Release {
				return nil, nil, fmt.Errorf("release %s is the newest; there is nothing to take back", to)
			}
		case to != "" && r.Release == to, to == "" && r.Good() && !taken[r.Release]:
			return from, &all[i].Manifest, nil
		}
	}
	if to != "" {
		return nil, nil, fmt.Errorf("there is no record of release %s among the %d newest", to, len(all))
	}
	return from, nil, nil
}

// Latest is where the newest release is among the records, below zero if there are
// rollbacks only.
func Latest(all []Record) int {
	return slices.IndexFunc(all, func(r Record) bool { return !r.Rollback() })
}

// Taker is the rollback that took one release of the records back, nil if none did, or
// if its place is below zero.
func Taker(all []Record, i int) *Record {
	for at := range i {
		if all[at].Takes(all[i].Release) && all[at].Good() {
			return &all[at]
		}
	}
	return nil
}

// Unsettled tells whether the records do not say how it is once a release has been
// taken back: that it serves no more, and that what was begun last came to its end. A
// run that was killed leaves them so.
func Unsettled(all []Record, from string) bool {
	for i, r := range all {
		active := r.State() == github.Success
		ended := r.State() == github.Inactive || r.Failed() || active && r.Rollback()
		if i == 0 && !ended || active && !r.Rollback() && r.Release == from {
			return true
		}
	}
	return false
}

// Compromised are the secrets that were replaced because somebody else may know them,
// in any release after the one to go back to; sorted. Without a name that is the one
// before the newest.
func Compromised(all []Record, to string) []string {
	newest := Latest(all)
	var names []string
	for i, r := range all {
		if to != "" && r.Release > to || to == "" && i <= newest {
			names = append(names, r.Manifest.Compromised...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
