package rollback_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/rollback"
)

func TestACompromisedSecretNeverComesBack(t *testing.T) {
	t.Parallel()
	for name, force := range map[string]bool{"without a word": false, "with --force-secrets": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.secrets["JWT_SECRET"] = "old-old-old"
			r1 := w.deploy("r1")
			w.secrets["JWT_SECRET"] = "new-new-new"
			r2 := w.deploy("r2")
			o := w.back(func(s *rollback.Stage) {
				to(r2, r1)(s)
				s.Force = force
				s.Known.Compromised = []string{"JWT_SECRET"}
			})
			if o.verdict != pipeline.Failed || !slices.Contains(o.rules(), "compromised-secret") || len(w.writes()) != 0 {
				t.Errorf("%s %v, writes %v", o.verdict, o.findings, w.writes())
			}
			for _, f := range o.findings {
				if f.Rule == "compromised-secret" && (!strings.Contains(f.Message, "JWT_SECRET") || f.At.File != "workers/api/wrangler.toml") {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}
