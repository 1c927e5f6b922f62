package rollback

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tminus/deploy-action/runner/aim"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
)

// evidence is what is known of the versions that are to serve again.
type evidence struct {
	client *cloudflare.Client

	mu       sync.Mutex
	wanted   map[string]cloudflare.Version   // by version
	missing  map[string]bool                 // versions that are gone
	deployed map[string][]cloudflare.Version // what can be deployed, by script
	names    map[string]map[string]bool      // existing things, by kind of binding; nil if it may not be read
}

func newEvidence(c *cloudflare.Client) *evidence {
	return &evidence{client: c, wanted: map[string]cloudflare.Version{}, missing: map[string]bool{}, deployed: map[string][]cloudflare.Version{}, names: map[string]map[string]bool{}}
}

// stores lists what versions may be bound to. What the token may not read is not judged.
func (e *evidence) stores(ctx context.Context, group *errgroup.Group) {
	list(ctx, e, group, "d1", e.client.Databases, func(d cloudflare.Database) string { return d.ID })
	list(ctx, e, group, "kv_namespace", e.client.Namespaces, func(n cloudflare.Namespace) string { return n.ID })
	list(ctx, e, group, "r2_bucket", e.client.Buckets, func(name string) string { return name })
	list(ctx, e, group, "queue", e.client.Queues, func(q cloudflare.Queue) string { return q.Name })
}

func list[T any](ctx context.Context, e *evidence, group *errgroup.Group, kind string, ask func(context.Context) ([]T, error), name func(T) string) {
	group.Go(func() error {
		all, err := ask(ctx)
		if cloudflare.IsDenied(err) {
			return nil
		}
		if err != nil {
			return err
		}
		names := map[string]bool{}
		for _, one := range all {
			names[name(one)] = true
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.names[kind] = names
		return nil
	})
}

// versions reads the versions that are to serve again, and which can be deployed.
func (e *evidence) versions(ctx context.Context, group *errgroup.Group, aims []aim.Aim) {
	for _, a := range aims {
		for _, s := range a.Serves {
			group.Go(func() error {
				v, err := e.client.Version(ctx, a.Script, s.Version)
				e.mu.Lock()
				defer e.mu.Unlock()
				if cloudflare.IsMissing(err) || cloudflare.Has(err, 100146) {
					e.missing[s.Version] = true
					return nil
				}
				e.wanted[s.Version] = v
				return err
			})
		}
		group.Go(func() error {
			all, err := e.client.Versions(ctx, a.Script)
			if cloudflare.IsMissing(err) {
				return nil
			}
			e.mu.Lock()
			defer e.mu.Unlock()
			e.deployed[a.Script] = all
			return err
		})
	}
}

// prove says what speaks against bringing a script back.
func (s Stage) prove(_ context.Context, out *pipeline.Out, script project.Script) error {
	p := s.Way.of(script.Name)
	if p.state != leaving {
		if p.state == superseded {
			out.Note(finding.Warnf("superseded", script.At(), "%s is left alone: %s", script.Name, p.why).
				Hintf("see who deployed it with deploy-action status --env %s", s.Target.Env))
		}
		out.Endf("%s", p.why)
		return nil
	}
	found := s.against(script, p)
	for _, f := range found {
		if s.Partial && f.Severity == finding.Error {
			f.Severity = finding.Warning
		}
		out.Note(f)
	}
	if finding.Closes(found) {
		s.Way.refuse(script.Name, "cannot go back")
		out.Endf("stays on %s", brief(p.now))
		return nil
	}
	out.Endf("back to %s, after %s", brief(p.aim.Serves), brief(p.now))
	return nil
}

// against lists what speaks against it.
func (s Stage) against(script project.Script, p passage) []finding.Finding {
	if p.aim.OneWay != "" {
		return []finding.Finding{finding.Errorf("one-way", script.At(), "%s cannot go back: %s", script.Name, p.aim.OneWay).
			Hintf("fix forward with a new release, or put the others back with --partial")}
	}
	if len(p.aim.Serves) == 0 {
		return []finding.Finding{finding.Errorf("no-record", script.At(), "nothing tells what %s served before", script.Name).
			Hintf("name a version with --worker %s --to VERSION", script.Worker)}
	}
	e := s.Way.have
	found := s.compromised(script, p)
	for _, share := range p.aim.Serves {
		if e.missing[share.Version] {
			found = append(found, finding.Errorf("gone-version", script.At(), "version %s of %s does not exist any more", share.Version, script.Name).
				Hintf("take another release with --release, or fix forward"))
			continue
		}
		found = append(found, e.young(script, share.Version)...)
		found = append(found, e.bound(script, share.Version)...)
		found = append(found, s.secrets(script, p, share.Version)...)
	}
	return found
}

// compromised refuses a script that would have a secret again which somebody else may
// know. Nothing is a way past that.
func (s Stage) compromised(script project.Script, p passage) []finding.Finding {
	var found []finding.Finding
	names := slices.Clone(s.Way.back.Compromised)
	for _, r := range s.Replaced {
		if r.Compromised && p.release < r.Release { // names of releases sort by time
			names = append(names, r.Secret)
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if slices.Contains(script.Secrets, name) {
			found = append(found, finding.Errorf("compromised-secret", script.At(), "%s cannot go back: %s has been replaced since, because somebody else may know its old value", script.Name, name).
				Hintf("fix forward with the new value; --force-secrets does not bring a compromised one back"))
		}
	}
	return found
}

// oldest is how many versions back Cloudflare deploys. Source: Cloudflare's
// documentation of rollbacks.
const oldest = 100

// young refuses a version that Cloudflare does not deploy any more: it is too old,
// or a migration of object classes lies in between.
func (e *evidence) young(script project.Script, version string) []finding.Finding {
	can := e.deployed[script.Name]
	if slices.ContainsFunc(can, func(v cloudflare.Version) bool { return v.ID == version }) {
		return nil
	}
	if len(can) > 0 && can[0].Number-e.wanted[version].Number >= oldest {
		return []finding.Finding{finding.Errorf("too-old", script.At(), "version %s of %s is not among its %d newest", release8(version), script.Name, oldest).
			Hintf("deploy that commit again; Cloudflare goes no further back")}
	}
	return []finding.Finding{finding.Errorf("object-migration", script.At(), "%s cannot go back to %s: a migration of its Durable Object classes lies in between", script.Name, release8(version)).
		Hintf("fix forward with a new release, or put the others back with --partial")}
}

func release8(version string) string { return version[:min(len(version), 8)] }

// boundBy is the field by which a kind of binding names what it is bound to.
var boundBy = map[string][]string{
	"d1": {"database_id", "id"}, "kv_namespace": {"namespace_id"}, "r2_bucket": {"bucket_name"}, "queue": {"queue_name"},
}

// bound refuses a version that is bound to something that is gone.
func (e *evidence) bound(script project.Script, version string) []finding.Finding {
	var found []finding.Finding
	for _, b := range e.wanted[version].Resources.Bindings {
		kind, _ := b["type"].(string)
		names, judged := e.names[kind], len(boundBy[kind]) > 0
		if !judged || names == nil {
			continue
		}
		to := ""
		for _, field := range boundBy[kind] {
			if v, ok := b[field].(string); ok && to == "" {
				to = v
			}
		}
		if to != "" && !names[to] {
			found = append(found, finding.Errorf("gone-store", script.At(), "version %s of %s is bound to %s %s as %v, which does not exist any more", release8(version), script.Name, kind, to, b["name"]).
				Hintf("bring it back under the same id if that is possible, or fix forward"))
		}
	}
	return found
}

// secrets refuses a version whose secrets are others than those of today, as far as
// their names and the list of versions tell. Values cannot be compared; Cloudflare
// does that when it switches.
func (s Stage) secrets(script project.Script, p passage, version string) []finding.Finding {
	e := s.Way.have
	changed := slices.Clone(p.aim.Secrets)
	since := served(s.Way.account.Scripts[script.Name].History, version)
	for _, v := range e.deployed[script.Name] {
		if v.Number > e.wanted[version].Number && v.Annotations["workers/triggered_by"] == "secret" && (since == nil || since[v.ID]) {
			changed = append(changed, fmt.Sprintf("version %s", release8(v.ID)))
		}
	}
	if len(changed) == 0 {
		return nil
	}
	f := finding.Errorf("secrets-changed", script.At(), "secrets of %s have changed since version %s: %s", script.Name, release8(version), strings.Join(changed, ", ")).
		Hintf("fix forward with the new values, or accept what the old version has with --force-secrets")
	if s.Force {
		f.Severity = finding.Warning
	}
	return []finding.Finding{f}
}

// served are the versions that have served since a version did for the last time; nil
// if that is longer ago than the account tells. One with other secrets that was taken
// back, or never served, has changed nothing.
func served(history []cloudflare.Deployment, version string) map[string]bool {
	since := map[string]bool{}
	for _, d := range history {
		if slices.ContainsFunc(d.Versions, func(t cloudflare.Traffic) bool { return t.Version == version }) {
			return since
		}
		for _, t := range d.Versions {
			since[t.Version] = true
		}
	}
	return nil
}

// secretsRefused reads Cloudflare's refusal to bring a version back whose secrets
// have changed (code 10220). The same code stands for something else too, so the
// sentence decides.
var secretsRefused = regexp.MustCompile(`(?i)following secrets have changed: ([^\[\n]+)`)

func changedSecrets(err error) (string, bool) {
	refusal, ok := errors.AsType[*cloudflare.Error](err)
	if !ok || !slices.ContainsFunc(refusal.Problems, func(p cloudflare.Problem) bool { return p.Code == 10220 }) {
		return "", false
	}
	m := secretsRefused.FindStringSubmatch(err.Error())
	if m == nil {
		return "", false
	}
	return strings.TrimSpace(m[1]), true
}
