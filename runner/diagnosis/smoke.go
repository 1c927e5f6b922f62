package diagnosis

import (
	"context"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/drift"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/schema"
	"github.com/tminus/deploy-action/runner/sight"
	"github.com/tminus/deploy-action/runner/wrangler"
)

// Smoke asks for what makes register and login fail: migrations, secrets, and the
// database behind the binding. It does not register anybody.
func (q Questions) Smoke() []pipeline.Task {
	var tasks []pipeline.Task
	for _, t := range q.Targets {
		for _, db := range t.Databases {
			tasks = append(tasks, pipeline.Task{Title: "Are the migrations applied to " + db.Name, At: db.At, Do: func(_ context.Context, out *pipeline.Out) error {
				return q.migrations(out, t.Env, db)
			}})
		}
	}
	secrets := q.each("Are there the secrets of", func(s sight.Patient) bool { return len(wantedSecrets(s)) > 0 }, q.deployed(q.secrets))
	bound := q.each("Is the right database bound to", func(s sight.Patient) bool { return slices.ContainsFunc(s.Section.Bindings, isD1) }, q.deployed(q.databases))
	return slices.Concat(tasks, secrets, bound)
}

func isD1(b wrangler.Binding) bool { return b.Type == "d1" }

func (q Questions) migrations(out *pipeline.Out, env string, db project.Database) error {
	if err := q.Seen.Refused(sight.Databases); err != nil {
		sight.Unknown(out, db.At, "the account does not list its databases: %s", finding.Quote(err))
		return nil
	}
	there, ok := q.Seen.Database(db)
	applied, unread := q.Seen.Ledger(there.ID)
	if ok && there.Name != db.Name && db.Name != db.ID {
		out.Note(finding.Errorf("name-id-mismatch", db.At, "database %s is called %q on the account and %q here", there.ID, there.Name, db.Name).
			Hintf("only the id counts on Cloudflare; correct the name or the id"))
	}
	switch {
	case !ok:
		return finding.Errorf("missing-store", db.At, "the account has no D1 database %s", strings.TrimSpace(db.Name+" "+db.ID)).
			Hintf("correct name and id, or create it with deploy-action provision --env %s", env)
	case db.Dir == "":
		out.Endf("no folder of migrations is named for it")
		return nil
	case unread != nil:
		sight.Unknown(out, db.At, "its ledger cannot be read: %s", finding.Quote(unread))
		return nil
	}
	pending := schema.Pending(db.Files, applied, db.Ledger)
	for _, name := range schema.Unknown(db.Files, applied, db.Ledger) {
		out.Note(db.Orphan(name))
	}
	out.Endf("%d applied, %d pending", len(applied), len(pending))
	if len(pending) == 0 {
		return nil
	}
	hint := "apply what is pending with deploy-action migrate --env " + env
	if len(applied) == 0 {
		return finding.Errorf("pending-migration", db.At, "no migration was ever applied to %s, so that its tables are missing", db.Name).Hintf("%s", hint)
	}
	out.Note(finding.Warnf("pending-migration", finding.Position{File: pending[0], Line: 1}, "%s of %s not applied, the first is %s", finding.Many(len(pending), "migration"), db.Name, db.Ledger(pending[0])).
		Hintf("%s", hint).See(db.At))
	return nil
}

// wantedSecrets are the names of the secrets that a script must have.
func wantedSecrets(s sight.Patient) []string {
	names := slices.Clone(s.Secrets)
	for _, name := range s.Section.Settings.Secrets {
		names = append(names, name.V)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// secrets asks the live version for the names of its secrets.
func (q Questions) secrets(_ context.Context, out *pipeline.Out, s sight.Patient) error {
	v, err := q.Seen.Version(s.Name)
	if err != nil {
		sight.Unknown(out, s.At(), "its version cannot be read: %s", finding.Quote(err))
		return nil
	}
	has := drift.Secrets(v)
	var missing []string
	for _, name := range wantedSecrets(s) {
		if !slices.Contains(has, name) {
			missing = append(missing, name)
		}
	}
	out.Endf("%d of %d", len(wantedSecrets(s))-len(missing), len(wantedSecrets(s)))
	if len(missing) > 0 {
		out.Note(finding.Errorf("missing-secret", s.At(), "%s does not have %s", s.Name, strings.Join(missing, ", ")).
			Hintf("set what is missing with deploy-action secrets --env %s", s.Env))
	}
	return nil
}

// databases asks whether the live bindings are to the configured databases.
func (q Questions) databases(_ context.Context, out *pipeline.Out, s sight.Patient) error {
	v, err := q.Seen.Version(s.Name)
	if err != nil {
		sight.Unknown(out, s.At(), "its version cannot be read: %s", finding.Quote(err))
		return nil
	}
	for _, b := range slices.DeleteFunc(slices.Clone(s.Section.Bindings), func(b wrangler.Binding) bool { return !isD1(b) }) {
		now, _ := liveBinding(v.Resources.Bindings, b.Name.V)
		want, have := drift.Points(b.Shape(), s.Name), drift.Points(now, s.Name)
		switch {
		case now == nil:
			out.Note(finding.Errorf("d1-binding", b.At, "the live version of %s has no binding %s", s.Name, b.Name.V).
				Hintf("%s brings it; %s", s.Promote(), q.Seen.Served(s.Name)))
		case want != have && b.Field("database_id").V != "":
			out.Note(finding.Errorf("d1-binding", b.At, "binding %s of %s leads to %s and not to %s", b.Name.V, s.Name, have, want).
				Hintf("%s brings the configured database back; %s", s.Promote(), q.Seen.Served(s.Name)))
		default:
			out.Endf("%s is %s", b.Name.V, have)
		}
	}
	return nil
}

// liveBinding finds a binding of a version by its name.
func liveBinding(all []map[string]any, name string) (map[string]any, bool) {
	for _, b := range all {
		if b["name"] == name {
			return b, true
		}
	}
	return nil, false
}
