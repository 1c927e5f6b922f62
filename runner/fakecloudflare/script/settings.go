package script

import (
	"github.com/tminus/deploy-action/runner/fakecloudflare/upload"
)

// change lets one script be altered under the lock.
func (s *Scripts) change(name string, alter func(*Script)) (Script, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(name)
	if err != nil {
		return Script{}, err
	}
	alter(found)
	found.ModifiedOn = s.mint.Stamp()
	return found.copy(), nil
}

// SetSettings changes what no version has; fields that are nil stay. It makes
// no version and no rollback undoes it.
func (s *Scripts) SetSettings(name string, in upload.Settings) (Script, error) {
	return s.change(name, func(found *Script) { found.Settings.apply(in) })
}

// SetSubdomain turns the script's workers.dev address on or off. Previews
// follow unless they are given.
func (s *Scripts) SetSubdomain(name string, enabled bool, previews *bool) (Script, error) {
	return s.change(name, func(found *Script) {
		found.Subdomain = Subdomain{Enabled: enabled, Previews: enabled}
		if previews != nil {
			found.Subdomain.Previews = *previews
		}
	})
}

// SetCrons replaces the schedules. An account without a workers.dev name has
// none (10063), as if it were a workers.dev matter.
func (s *Scripts) SetCrons(name string, crons []string) (Script, error) {
	if s.world.Subdomain() == "" {
		return Script{}, noSubdomain()
	}
	for _, cron := range crons {
		if err := checkCron(cron); err != nil {
			return Script{}, err
		}
	}
	now := s.mint.Stamp()
	return s.change(name, func(found *Script) {
		old := found.Crons
		found.Crons = nil
		for _, cron := range crons {
			made := Cron{Cron: cron, CreatedOn: now, ModifiedOn: now}
			for _, before := range old {
				if before.Cron == cron {
					made = before
				}
			}
			found.Crons = append(found.Crons, made)
		}
	})
}
