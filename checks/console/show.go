package console

import "slices"

// totals are the numbers of the summary.
type totals struct{ Running, Waiting, Held int }

// Totals counts for the summary.
func (s *scene) Totals() totals {
	running, waiting, held := s.View.Count()
	return totals{running, waiting, held}
}

// shownSteps is how many of its last steps a work shows beside others. Its own page
// has them all.
const shownSteps = 15

// Underway are the works that run, then those that wait, the oldest of each first.
func (s *scene) Underway() []Work {
	var all []Work
	for _, state := range []State{Running, Waiting} {
		for _, w := range slices.Backward(s.View.Works) {
			if w.State == state {
				w.Steps = w.Steps[max(len(w.Steps)-shownSteps, 0):]
				all = append(all, w)
			}
		}
	}
	return all
}

// Ended are the works that came to their end, the newest first. Dead letters have a
// place of their own.
func (s *scene) Ended() []Work {
	var all []Work
	for _, w := range s.View.Works {
		if w.Over() && w.State != Dead {
			all = append(all, w)
		}
	}
	return all
}

// Holding are the environments that are held.
func (s *scene) Holding() []Environment {
	var all []Environment
	for _, e := range s.View.Environments {
		if e.Hold != nil {
			all = append(all, e)
		}
	}
	return all
}

// showing is a scene about one work, listing one about a list.
type (
	showing struct {
		*scene
		Work Work
	}
	listing struct {
		*scene
		All any
	}
)

// Showing is the scene for a template about a work.
func (s *scene) Showing(w Work) showing { return showing{s, w} }

// Listing is the scene for a template about a list.
func (s *scene) Listing(all any) listing { return listing{s, all} }
