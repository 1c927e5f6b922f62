package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/remedy"
)

// Options say what is made and where ids are written.
type Options struct {
	Project project.Project
	Client  *cloudflare.Client
	// Dir is the project's directory, whose files are written.
	Dir string
	// Envs are the environments, in order.
	Envs []string
	// Top: placeholders at the top level of the files are filled too.
	Top bool
	// DryRun finds out what would be made and written, and does neither.
	DryRun bool
	// Fleeting: the files go away with this run unless somebody commits them.
	Fleeting bool
	// Explain, if set, finds out what is wrong with the token or the account when
	// the account refuses to be read.
	Explain func(context.Context) error
}

// Stage makes the stores of one environment.
type Stage struct {
	options *Options
	env     string
	stores  []*store
	left    []finding.Finding
	err     error // the environment cannot be read
	account *account
	writer  *writer
}

// Stages are one stage for each environment, and one for the top level if it has
// something to be filled. They share what they know of the account.
func Stages(o Options) []Stage {
	envs := slices.Clone(o.Envs)
	if o.Top {
		envs = append(envs, "")
	}
	shared := &account{client: o.Client, has: map[*kind][]made{}}
	var all []Stage
	for _, env := range envs {
		s := Stage{options: &o, env: env, account: shared, writer: &writer{dir: o.Dir}}
		s.stores, s.left, s.err = gather(o.Project, env)
		if env != "" || len(s.stores) > 0 {
			all = append(all, s)
		}
	}
	return all
}

// Env is the environment, empty for the top level.
func (s Stage) Env() string { return s.env }

// Name implements pipeline.Stage.
func (Stage) Name() string { return "provision" }

// LookTask is the title of the task before which nothing is done.
const LookTask = "Look at the account"

const (
	readTask   = "Read the configuration"
	commitTask = "See what was written"
)

// Tasks implements pipeline.Stage.
func (s Stage) Tasks() []pipeline.Task {
	tasks := []pipeline.Task{
		{Title: readTask, Do: s.read},
		{Title: LookTask, Needs: []string{readTask}, Do: s.look},
	}
	last := pipeline.Task{Title: commitTask, After: []string{LookTask}, Do: s.commit}
	for _, st := range s.stores {
		t := pipeline.Task{Title: st.kind.name + " " + st.name, At: st.at, Needs: []string{LookTask}, Do: func(ctx context.Context, out *pipeline.Out) error {
			return s.provide(ctx, out, st)
		}}
		tasks, last.After = append(tasks, t), append(last.After, t.Title)
	}
	return append(tasks, last)
}

// read refuses a configuration in which two environments mean one store.
func (s Stage) read(_ context.Context, out *pipeline.Out) error {
	if s.err != nil {
		return s.err
	}
	for _, f := range check.Files(s.options.Project) {
		if f.Rule == "shared-store" || f.Rule == "name-id-mismatch" {
			out.Note(s.options.Project.Settings.Waived(f))
		}
	}
	for _, f := range append(s.sharedNames(), s.left...) {
		out.Note(s.options.Project.Settings.Waived(f))
	}
	out.Endf("%d stores", len(s.stores))
	return nil
}

// sharedNames finds databases and namespaces that another environment calls by the same
// name while an id is still missing: one would be made for both.
func (s Stage) sharedNames() []finding.Finding {
	var all []finding.Finding
	for _, env := range s.others() {
		others, _, _ := gather(s.options.Project, env) // what cannot be read is reported by its own stage
		for _, other := range others {
			i := slices.IndexFunc(s.stores, func(st *store) bool { return st.kind == other.kind && len(st.ids) > 0 && st.name == other.name })
			if i < 0 || len(s.stores[i].missing())+len(other.missing()) == 0 {
				continue
			}
			all = append(all, finding.Errorf("shared-store", s.stores[i].at, "%s %q is named by %s and by %s", other.kind.name, other.name, s.env, env).
				Hintf("give each environment one of its own by another name").See(other.at))
		}
	}
	return all
}

// others are the environments that must not have a store of this one. The top level
// may have any: it is no environment beside them, but what stands where none is named.
func (s Stage) others() []string {
	if s.env == "" {
		return nil
	}
	return slices.DeleteFunc(s.options.Project.Envs(), func(env string) bool { return env == s.env })
}

func (s Stage) look(ctx context.Context, out *pipeline.Out) error {
	var wanted []*kind
	for _, st := range s.stores {
		if !slices.Contains(wanted, st.kind) {
			wanted = append(wanted, st.kind)
		}
	}
	if err := s.account.look(ctx, wanted); err != nil {
		if f, ok := errors.AsType[finding.Finding](err); ok && f.Rule == "missing-permission" && s.options.Explain != nil && ctx.Err() == nil {
			if why := s.options.Explain(ctx); why != nil {
				return remedy.For(why, "Account Settings:Read")
			}
		}
		return err
	}
	var has []string
	for _, k := range wanted {
		s.account.mu.Lock()
		has = append(has, fmt.Sprintf("%s: %d", k.name, len(s.account.has[k])))
		s.account.mu.Unlock()
	}
	out.Endf("%s", strings.Join(has, ", "))
	return nil
}

// provide finds or makes one store, and writes its id where it is missing.
func (s Stage) provide(ctx context.Context, out *pipeline.Out, st *store) error {
	now, how, err := s.find(st)
	if err != nil {
		return err
	}
	if now.id == "" {
		s.sayElse(out, st)
		if s.options.DryRun {
			out.Endf("would be made%s", wouldBe(st))
			return nil
		}
		if now, err = s.account.create(ctx, st.kind, st.name); err != nil {
			return err
		}
		how = "made"
	} else if s.options.DryRun {
		out.Endf("%s%s", how, wouldBe(st))
		return nil
	}
	return s.fill(out, st, now, how)
}

// find finds a store on the account: by the id that is written, else by its name.
// A zero id means that there is none.
func (s Stage) find(st *store) (made, string, error) {
	if ids := st.written(); len(ids) > 0 {
		return s.check(st, ids)
	}
	there, ok := s.account.named(st.kind, st.name)
	if !ok {
		return made{}, "", nil
	}
	if env, at := s.owner(st, there.id); env != "" {
		return made{}, "", finding.Errorf("shared-store", st.at, "%s %s is there, and is the one of %s", st.kind.name, st.name, env).
			Hintf("give %s one of its own by another name", s.env).See(at)
	}
	return there, "is there", nil
}

// check sees that the account has a store by the id that is written.
func (s Stage) check(st *store, ids []mention) (made, string, error) {
	m := ids[0]
	there, ok := s.account.known(st.kind, m.was)
	switch {
	case !ok:
		f := finding.Errorf("missing-store", m.at, "%s %s has the id %s here, which the account does not have", st.kind.name, st.name, m.was)
		if other, named := s.account.named(st.kind, st.name); named {
			return made{}, "", f.Hintf("the account has one of this name with the id %s; write that, if it is the one that is meant", other.id)
		}
		return made{}, "", f.Hintf("correct the id; to have another one made, write a placeholder in its place")
	case len(ids) > 1:
		return made{}, "", finding.Errorf("name-id-mismatch", ids[1].at, "%s %s has another id here than elsewhere", st.kind.name, st.name).
			Hintf("correct one of the two").See(m.at)
	case st.name == there.id && there.name != there.id:
		return there, fmt.Sprintf("is there, called %s", there.name), nil
	case there.name != st.name && st.kind == databases:
		return made{}, "", finding.Errorf("name-id-mismatch", m.at, "database %s is called %q on the account and %q here", m.was, there.name, st.name).
			Hintf("only the id counts on Cloudflare; correct the name or the id")
	}
	return there, "is there", nil
}

// owner is another environment that has a store by its id.
func (s Stage) owner(st *store, id string) (string, finding.Position) {
	for _, env := range s.others() {
		others, _, _ := gather(s.options.Project, env)
		for _, other := range others {
			for _, m := range other.ids {
				if other.kind == st.kind && m.was == id {
					return env, m.at
				}
			}
		}
	}
	return "", finding.Position{}
}

// sayElse tells of a namespace that wrangler's own command may have made for the
// same purpose. It may as well be another project's, so it is not taken.
func (s Stage) sayElse(out *pipeline.Out, st *store) {
	if other, ok := s.account.named(st.kind, st.asWrangler); ok && st.asWrangler != "" {
		out.Note(finding.Warnf("namespace-like", st.at, "the account also has a KV namespace called %q (%s), which was not taken for this one", other.name, other.id).
			Hintf("if it is the one that is meant, write its id; %q can then be removed", st.name))
	}
}

// wouldBe says where an id would be written.
func wouldBe(st *store) string {
	var places []string
	for _, m := range st.missing() {
		places = append(places, fmt.Sprintf("%s:%d", m.at.File, m.at.Line))
	}
	if len(places) == 0 {
		return ""
	}
	slices.Sort(places)
	return "; its id would be written to " + strings.Join(places, ", ")
}
