package rotation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/fleet"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/remedy"
	"github.com/tminus/deploy-action/runner/secret"
	"github.com/tminus/deploy-action/runner/upload"
	"github.com/tminus/deploy-action/runner/vault"
)

// Stage rotates secrets in one environment.
type Stage struct {
	// Deploy is the release. Its Target are the Workers that share the secrets; Rekey
	// has the whole environment and is filled here.
	fleet.Deploy
	// Values are the new values; Others those of all secrets that are known here, by
	// which a label on the account is understood.
	Values, Others secret.Store
	// Old are the old values that stay beside the new ones, by the secret's name.
	Old secret.Store
	// Records tell by their versions what went up last.
	Records     []release.Manifest
	Compromised bool
	// Keep is called when nothing speaks against the rotation, before anything is sent;
	// nil if there is nothing to keep.
	Keep func() error
	// Prove stops before anything is changed.
	Prove bool

	state *state
}

// state is what the comparing tasks find out.
type state struct {
	mu       sync.Mutex
	replaced []release.Replaced
	change   int
}

// Ready is the stage with what its tasks share.
func (s Stage) Ready() Stage {
	s.state = &state{}
	s.Rekey.Prints, s.Rekey.Make = map[string]release.Fingerprints{}, s.version
	known := s.Replaced
	s.Replaced = func(ctx context.Context) []release.Replaced {
		s.state.mu.Lock()
		defer s.state.mu.Unlock()
		if known == nil {
			return s.state.replaced
		}
		return release.Merge(s.state.replaced, known(ctx))
	}
	return s
}

// Name implements pipeline.Stage.
func (Stage) Name() string { return "rotate" }

const keepTitle = "Agree to the rotation"

func compareTitle(script string) string { return "Compare " + script }

// Tasks implements pipeline.Stage: the Workers are looked at, and then a release is
// made of them.
func (s Stage) Tasks() []pipeline.Task {
	agree := pipeline.Task{Title: keepTitle, Do: s.agree}
	var tasks []pipeline.Task
	for _, script := range s.Target.Scripts {
		t := pipeline.Task{Title: compareTitle(script.Name), At: script.At(), Do: func(ctx context.Context, out *pipeline.Out) error {
			return s.compare(ctx, out, script)
		}}
		tasks, agree.Needs = append(tasks, t), append(agree.Needs, t.Title)
	}
	tasks = append(tasks, agree)
	if s.Prove {
		return tasks
	}
	for _, t := range s.Deploy.Tasks() {
		if len(t.Needs) == 0 {
			t.Needs = []string{agree.Title}
		}
		tasks = append(tasks, t)
	}
	return tasks
}

// names are the secrets of a script that are rotated.
func (s Stage) names(script project.Script) []string {
	return slices.DeleteFunc(s.Values.Names(), func(name string) bool { return !slices.Contains(script.Secrets, name) })
}

// compare looks at one Worker: what serves, whether a version can be made of it, and
// which values it has.
func (s Stage) compare(ctx context.Context, out *pipeline.Out, script project.Script) error {
	var deployments []cloudflare.Deployment
	var versions []cloudflare.Version
	group, asking := errgroup.WithContext(ctx)
	group.Go(func() (err error) { deployments, err = s.Client.Deployments(asking, script.Name); return err })
	group.Go(func() (err error) { versions, err = s.Client.Versions(asking, script.Name); return err })
	err := group.Wait()
	if cloudflare.IsMissing(err) || err == nil && (len(deployments) == 0 || len(versions) == 0) {
		return finding.Errorf("no-worker", script.At(), "%s is not deployed, so there is nothing to rotate on it", script.Name).
			Hintf("its secrets go up with the first promote, from the same environment or --env-file")
	}
	if err != nil {
		return remedy.For(err, "Workers Scripts:Read")
	}
	serving := live.Script{Serving: deployments[0]}
	label, ours := serving.Label()
	if err := s.newest(script, serving, label, versions); err != nil {
		return err
	}
	before := vault.Recorded(s.Records, deployments[0], script.Name)
	here := upload.Script{Script: script, Secrets: s.Others, Key: s.Key}.Fingerprints()
	if ours && len(here.Values) > 0 && here.Fits(label.Digest) {
		before = here
	}
	return s.weigh(out, script, before, here)
}

// rotates is how a version says which secrets it was made to replace, behind its label.
const rotates = " rotates "

// newest refuses a Worker whose newest version is not the one that serves: a version
// made of it would bring code that does not serve. One that an earlier rotation left
// behind, of the same code and of no other secrets, is as good.
func (s Stage) newest(script project.Script, serving live.Script, label release.Label, versions []cloudflare.Version) error {
	refuse := func(v cloudflare.Version) error {
		return finding.Errorf("not-newest", script.At(), "the newest version of %s (%s) is not the one that serves alone, and a rotation makes a version of the newest", script.Name, release.Brief(v.ID)).
			Hintf("promote first, so that one version serves and is the newest, and then rotate")
	}
	if len(serving.Serving.Versions) != 1 {
		return refuse(versions[0])
	}
	for _, v := range versions {
		if v.ID == serving.Serving.Versions[0].Version {
			return nil
		}
		text, names, made := strings.Cut(v.Annotations["workers/message"], rotates)
		theirs, ok := release.ParseLabel(text)
		same := made && ok && label.Digest != "" && release.CodeOf(theirs.Digest) == release.CodeOf(label.Digest)
		if !same || slices.ContainsFunc(strings.Fields(names), func(name string) bool { return !slices.Contains(s.sent(script), name) }) {
			return refuse(v)
		}
	}
	return refuse(versions[0])
}

// sent are the names of everything that goes up to a script, sorted.
func (s Stage) sent(script project.Script) []string {
	names := s.names(script)
	for _, name := range s.names(script) {
		if _, ok := s.Old.Value(name); ok {
			names = append(names, Previous(name))
		}
	}
	slices.Sort(names)
	return names
}

// weigh compares the new values with those of before, by fingerprints.
func (s Stage) weigh(out *pipeline.Out, script project.Script, before, here release.Fingerprints) error {
	next := upload.Script{Script: script, Secrets: s.Values, Key: s.Key}.Fingerprints()
	old := upload.Script{Script: script, Secrets: s.Old, Key: s.Key}.Fingerprints()
	var found []finding.Finding
	same := 0
	for _, name := range s.names(script) {
		was, told := before.Values[name]
		told = told && before.Key == next.Key
		if r, back := next.Brings(name, s.Replaced(context.Background())); back && r.Compromised {
			found = append(found, r.Finding(script.At()))
		}
		switch given, overlaps := old.Values[name]; {
		case told && was == next.Values[name] && s.Compromised:
			found = append(found, finding.Errorf("same-value", script.At(), "the new value of %s is the one that %s has, which somebody else may know", name, script.Name).
				Hintf("give another value, or let one be made without --given"))
		case told && was == next.Values[name]:
			same++
		case told && overlaps && given != was:
			found = append(found, finding.Errorf("old-value", script.At(), "%s is not the value that %s has as %s", Previous(name), script.Name, name).
				Hintf("put the value that serves into the variable %s; Cloudflare gives it to nobody", Previous(name)))
		case told:
			s.note(release.Replaced{Secret: name, Key: before.Key, Fingerprint: was, Release: s.Draft.Release(), Compromised: s.Compromised})
		default:
			found = append(found, finding.Warnf("unproven-secret", script.At(), "nothing tells which value of %s %s has now, so nobody will notice if it is put up again", name, script.Name).
				Hintf("put the new value where the old one came from"))
		}
	}
	for _, f := range found {
		out.Note(f)
	}
	if same == len(s.names(script)) {
		out.Endf("has these values already")
		return nil
	}
	if len(before.Values) == 0 || before.Key != next.Key {
		before = here // as a promotion from here would know it
	}
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.change++
	s.Rekey.Prints[script.Name] = before.With(next)
	out.Endf("%s", strings.Join(s.sent(script), ", "))
	return nil
}

func (s Stage) note(r release.Replaced) {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.replaced = release.Merge(s.state.replaced, []release.Replaced{r})
}

// agree is the last moment at which nothing was changed.
func (s Stage) agree(_ context.Context, out *pipeline.Out) error {
	switch {
	case s.state.change == 0:
		out.Endf("every Worker has these values already")
		return nil
	case s.Prove:
		out.Endf("nothing speaks against it; nothing was changed")
		return nil
	}
	s.Draft.Rotate(s.Values.Names(), s.Compromised)
	if s.Keep != nil {
		if err := s.Keep(); err != nil {
			return err
		}
	}
	out.Endf("%d Workers", s.state.change)
	return nil
}

// Rotates tells whether a script gets new values, once it was compared.
func (s Stage) Rotates(script string) bool {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	_, ok := s.Rekey.Prints[script]
	return ok
}

// version makes the version of a script that has the new values.
func (s Stage) version(ctx context.Context, name, tag string, label release.Label) (string, error) {
	script, ok := s.Target.Script(name)
	if !ok {
		return "", fmt.Errorf("%s is no part of the rotation", name)
	}
	values := map[string]string{}
	for _, secret := range s.names(script) {
		values[secret], _ = s.Values.Value(secret)
		if old, ok := s.Old.Value(secret); ok {
			values[Previous(secret)] = old
		}
	}
	return s.Client.VersionWithSecrets(ctx, name, values, tag, label.String()+rotates+strings.Join(s.sent(script), " "))
}
