package upload

import (
	"slices"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/wrangler"
)

// Classes is what an upload must say to bring a script's Durable Object classes
// from the tag that the account knows to the newest of the configuration; nil
// when they are there. The account's tag must be in the configuration: to replay
// all steps on an unknown one, as wrangler does, could delete data.
func Classes(s project.Script, tag string) (map[string]any, error) {
	all := s.Section.Objects
	if len(all) == 0 {
		return nil, nil
	}
	newest := all[len(all)-1].Tag.V
	from := 0
	payload := map[string]any{"new_tag": newest}
	if tag != "" {
		i := slices.IndexFunc(all, func(m wrangler.ObjectMigration) bool { return m.Tag.V == tag })
		if i < 0 {
			return nil, finding.Errorf("unknown-class-migration", all[0].At, "%s is at class migration %q on the account, which the configuration does not have", s.Name, tag).
				Hintf("bring the migration with tag %q back into %s; without it the steps that were taken cannot be known", tag, s.File)
		}
		if i == len(all)-1 {
			return nil, nil
		}
		from = i + 1
		payload["old_tag"] = tag
	}
	var steps []map[string]any
	for _, m := range all[from:] {
		steps = append(steps, m.Steps)
	}
	payload["steps"] = steps
	return payload, nil
}
