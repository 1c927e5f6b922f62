package drift

import (
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/project"
)

// Settings are the properties of a script that no version carries, and the names,
// sorted, of those that the account has otherwise.
func Settings(script project.Script, have cloudflare.Script) (cloudflare.Settings, []string) {
	s := script.Section.Settings
	want := cloudflare.Settings{Tags: tags(script, have.Tags), Observability: map[string]any{"enabled": false}, TailConsumers: s.Tails()}
	if s.Observability.V != nil {
		want.Observability = s.Observability.V
	}
	logpush := s.Logpush.V
	want.Logpush = &logpush
	var differs []string
	for _, one := range []struct {
		name string
		same bool
	}{
		{"logpush", have.Logpush == logpush},
		{"observability", live.Within(want.Observability, have.Observability)},
		{"tags", slices.Equal(want.Tags, have.Tags)},
		{"tail_consumers", live.Same(want.TailConsumers, have.TailConsumers)},
	} {
		if !one.same {
			differs = append(differs, one.name)
		}
	}
	return want, differs
}

// tags are the script's tags with the two that wrangler sets, so that its
// dashboard shows the environments of a Worker together.
func tags(script project.Script, have []string) []string {
	var tags []string
	for _, t := range have {
		if !strings.HasPrefix(t, "cf:service=") && !strings.HasPrefix(t, "cf:environment=") {
			tags = append(tags, t)
		}
	}
	return append(tags, "cf:service="+script.Title, "cf:environment="+script.Section.Env)
}
