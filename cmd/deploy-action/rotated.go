package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/rotation"
	"github.com/tminus/deploy-action/runner/secret"
	"github.com/tminus/deploy-action/runner/vault"
)

// hide masks values that came into being here, and takes them out of everything that
// is said from now on.
func (p *program) hide(values ...string) {
	p.file.fresh = append(p.file.fresh, values...)
	if p.face != nil {
		p.face.job.Mask(values...)
	}
	p.redact = secret.Store{}.Redactor(p.sensitive()...).Redact
}

// take makes the new values, or takes them from where they are, and refuses what
// speaks against the rotation before any account is asked.
func (r *rotating) take() error {
	f := r.asked
	found := rotation.Rules(rotation.Asked{Names: r.names, Given: f.Given, Migration: f.IHaveAKeyMigration, Overlap: f.Overlap})
	var old secret.Store
	if f.Overlap {
		var notes []finding.Finding
		old, notes = r.previous()
		found = append(found, notes...)
	}
	switch {
	case f.Given:
		store, notes := r.given(r.names)
		found, r.values.New = append(found, notes...), store
		if f.WriteTo != "" {
			found = append(found, finding.Errorf("bad-flag", finding.Position{}, "--write-to is for values that are made here, not for given ones").Hintf("leave one of the two flags out"))
		}
	case finding.Closes(found):
	default:
		r.values = rotation.Make(r.names, f.WriteTo, func(v string) { r.hide(v) })
		if f.WriteTo == "" {
			found = append(found, finding.Warnf("only-on-cloudflare", finding.Position{}, "the new values will be on Cloudflare only, which gives them to nobody").
				Hintf("--write-to FILE writes them for this user alone, to be put where the old ones come from; without them promote with --skip-secrets"))
		} else if err := r.writable(f.WriteTo); err != nil {
			found = append(found, finding.From(err, "write-to", finding.Position{})...)
		}
	}
	r.values.Old = old
	return r.closing(found)
}

// given are values that stand in the environment or the file.
func (r *rotating) given(names []string) (secret.Store, []finding.Finding) {
	var wanted []project.Secret
	for _, name := range names {
		wanted = append(wanted, project.Secret{Name: name})
	}
	store, found := vault.Gather(vault.Sources{Map: wanted, Environment: r.lookup, File: r.file.entries, Example: r.file.example})
	for _, name := range names {
		if v, ok := r.value(name); ok {
			r.hide(v)
		} else if _, set := r.lookup(name); !set {
			found = append(found, finding.Errorf("no-values", finding.Position{}, "%s has no value here", name).
				Hintf("put it into the variable %s, or into the file that --env-file names", name))
		}
	}
	return store, found
}

// previous are the old values that stay beside the new ones, by the secret's name.
func (r *rotating) previous() (secret.Store, []finding.Finding) {
	names := map[string]string{}
	var asked []string
	for _, name := range r.names {
		names[rotation.Previous(name)] = name
		asked = append(asked, rotation.Previous(name))
	}
	store, found := r.given(asked)
	for i, one := range found {
		if one.Rule == "no-values" {
			found[i].Hint = "Cloudflare gives no value back: " + one.Hint + ", as it serves now"
		}
	}
	values := map[string]string{}
	for _, name := range store.Names() {
		values[names[name]], _ = store.Value(name)
	}
	return secret.Load(r.names, func(name string) (string, bool) { v, ok := values[name]; return v, ok }), found
}

// writable refuses a file that would be committed, or that is there already.
func (r *rotating) writable(path string) error {
	full, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(full); err == nil {
		return rotation.Exists(path)
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(full))
	if err != nil {
		return finding.Errorf("write-to", finding.Position{}, "there is no folder %s", filepath.ToSlash(filepath.Dir(path))).Hintf("make it, or name another file")
	}
	root := gitRoot(dir)
	if root == "" {
		return nil
	}
	cmd := exec.Command("git", "-c", "safe.directory=*", "check-ignore", "-q", "--", filepath.Join(dir, filepath.Base(full)))
	cmd.Dir = root
	if cmd.Run() == nil {
		return nil
	}
	return finding.Errorf("write-to", finding.Position{}, "%s lies in the repository and is not ignored, so a secret might be committed", filepath.ToSlash(path)).
		Hintf("name a file outside of the repository, or one that .gitignore has, such as .env.new")
}

// after takes back what did not come through its gates, and says what is left behind.
func (r *rotating) after(ctx context.Context, ended map[string]pipeline.Finished) {
	p, taken := r.promotion, map[string]bool{}
	for _, gate := range p.closed(ended) {
		env := gate.target.Env
		if r.asked.Compromised {
			p.tell([]finding.Finding{finding.Errorf("not-rolled-back", finding.Position{}, "%s is left on the new values although %s failed: somebody else may know the old ones", env, gate.step.Title()).
				Hintf("look at what failed above and fix forward; no rollback brings a compromised value back")})
			continue
		}
		b := p.bringBack(gate)
		verdict, err := b.run(ctx)
		if err != nil {
			p.tell(finding.From(fmt.Errorf("the rollback of %s: %w", env, err), "rollback", finding.Position{}))
		}
		taken[env] = !slices.ContainsFunc(gate.target.Scripts, func(s project.Script) bool { return !b.way.Serves(s.Name) })
		if verdict == pipeline.Passed {
			p.tell([]finding.Finding{finding.Notef("rolled-back", finding.Position{}, "%s has its old secrets again (%s) and is well", env, b.way.Summary())})
		}
	}
	for _, t := range p.road.deploying {
		r.leftovers(t, ended, taken[t.Env])
	}
}

// leftovers says of new values whether they serve although not every gate was passed,
// or do not serve although versions were made with them.
func (r *rotating) leftovers(t project.Target, ended map[string]pipeline.Finished, taken bool) {
	var left []string
	failed := false
	for _, s := range r.steps {
		v := ended[s.ID()].Verdict
		failed = failed || s.Env == t.Env && v != pipeline.Passed && v != pipeline.Skipped
	}
	for _, s := range t.Scripts {
		if r.fleets[t.Env].Version(s.Name) != "" && r.stages[t.Env].Rotates(s.Name) {
			left = append(left, s.Name)
		}
	}
	if !failed || len(left) == 0 {
		return
	}
	if moved := r.fleets[t.Env].Moved(); len(moved) > 0 && !taken {
		back := ", or take it back with deploy-action rollback --env " + t.Env + " --force-secrets"
		r.tell([]finding.Finding{finding.Warnf("unverified", finding.Position{}, "%s serves the new values on %s, and not every gate was passed", t.Env, strings.Join(moved, ", ")).
			Hintf("ask it with deploy-action validate and smoke%s", when(!r.asked.Compromised, back))})
		return
	}
	hint := "run the rotation again, or promote with the old values in the environment: a version takes the secrets that it is not given from the newest one"
	if r.asked.WriteTo != "" {
		hint = fmt.Sprintf("run it again with --given --env-file %s, or remove that file and ", r.asked.WriteTo) + strings.TrimPrefix(hint, "run the rotation again, or ")
	}
	r.tell([]finding.Finding{finding.Warnf("left-over-versions", finding.Position{}, "%s: versions with new values of %s were made and do not serve: %s", t.Env, strings.Join(r.names, ", "), strings.Join(left, ", ")).Hintf("%s", hint)})
}
