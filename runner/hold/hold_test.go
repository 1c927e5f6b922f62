package hold_test

import (
	"context"
	"fmt"
	"maps"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/hold"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
)

// digest is one that a label can hold.
func digest(n int) string { return fmt.Sprintf("sha256:%032x", n) }

// world is an account with some of the scripts a, b and c.
type world struct {
	*fakecloudflare.Server
	t      *testing.T
	client *cloudflare.Client
	target project.Target
}

// newWorld has the scripts serve, each with a label, or with a message of somebody else.
func newWorld(t *testing.T, messages map[string]string) *world {
	t.Helper()
	account := fakecloudflare.New(fakecloudflare.Options{Token: "token", Subdomain: "test"})
	server := httptest.NewServer(account)
	t.Cleanup(func() {
		server.Close()
		if err := account.Close(); err != nil {
			t.Error(err)
		}
	})
	files := fstest.MapFS{}
	for _, name := range []string{"a", "b", "c"} {
		files["workers/"+name+"/wrangler.toml"] = &fstest.MapFile{Data: []byte("name = \"" + name + "\"\nmain = \"i.js\"\ncompatibility_date = \"2026-03-17\"\n[env.staging]\n")}
	}
	loaded, err := project.Load(files)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Server: account, t: t, client: cloudflare.New(cloudflare.Options{BaseURL: server.URL + fakecloudflare.Base, Account: account.ID(), Token: "token", UserAgent: "test"})}
	if w.target, err = loaded.In("staging"); err != nil {
		t.Fatal(err)
	}
	for name, message := range messages {
		version, err := w.client.Put(context.Background(), name+"-staging", cloudflare.Upload{
			Metadata: map[string]any{"main_module": "i.js", "compatibility_date": "2026-03-17"},
			Parts:    []cloudflare.Part{{Name: "i.js", MIME: "application/javascript+module", Content: []byte("export default {}")}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.client.Deploy(context.Background(), name+"-staging", []cloudflare.Traffic{{Version: version, Percent: 100}}, message, false); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// run runs a stage and gives the outcomes of its tasks, by title, and the rules of
// what was found.
func (w *world) run(s pipeline.Stage) (outcomes map[string]string, rules []string) {
	w.t.Helper()
	outcomes = map[string]string{}
	w.Forget()
	_, err := pipeline.Plan{Steps: []pipeline.Step{{Env: "staging", KeepGoing: true, Stage: s}}}.Run(context.Background(), watcher(func(e pipeline.Event) {
		switch e := e.(type) {
		case pipeline.Did:
			outcomes[e.Task] = e.Outcome
		case pipeline.Finished:
			for _, f := range e.Findings {
				rules = append(rules, f.Rule)
			}
		}
	}))
	if err != nil {
		w.t.Fatal(err)
	}
	return outcomes, rules
}

type watcher func(pipeline.Event)

func (w watcher) Observe(_ context.Context, e pipeline.Event) error { w(e); return nil }

// serving is the message of each script that serves, and its versions.
func (w *world) serving() (messages map[string]string, versions map[string][]cloudflare.Traffic) {
	w.t.Helper()
	messages, versions = map[string]string{}, map[string][]cloudflare.Traffic{}
	for _, s := range w.target.Scripts {
		all, err := w.client.Deployments(context.Background(), s.Name)
		if cloudflare.IsMissing(err) {
			continue
		}
		if err != nil {
			w.t.Fatal(err)
		}
		messages[s.Worker], versions[s.Worker] = all[0].Message(), all[0].Versions
	}
	return messages, versions
}

func TestAHoldIsAMarkOnWhatServesAndLiftedItIsGone(t *testing.T) {
	t.Parallel()
	r1 := release.Label{Release: "r1", Digest: digest(1)}
	taken := release.Label{Release: "r1", Digest: digest(2), From: "r2"}
	w := newWorld(t, map[string]string{"a": r1.String(), "b": taken.String(), "c": "by hand"})
	_, versions := w.serving()

	outcomes, rules := w.run(hold.Place{Client: w.client, Target: w.target})
	if want := map[string]string{"Hold a-staging": "is held on release r1", "Hold b-staging": "is held on release r1", "Hold c-staging": "serves what somebody else deployed", "See that it is held": ""}; !maps.Equal(outcomes, want) || len(rules) > 0 {
		t.Errorf("held: %q, found %q", outcomes, rules)
	}
	held := map[string]string{
		"a": release.Label{Release: "r1", Digest: digest(1), From: "r1", Strict: true}.String(),
		"b": release.Label{Release: "r1", Digest: digest(2), From: "r2", Strict: true}.String(),
		"c": "by hand",
	}
	if messages, now := w.serving(); !maps.Equal(messages, held) || !reflect.DeepEqual(now, versions) {
		t.Errorf("held, they say %q and serve %v", messages, now)
	}
	if outcomes, rules := w.run(hold.Place{Client: w.client, Target: w.target}); outcomes["Hold a-staging"] != "was held already" || len(rules) > 0 || len(w.Calls().Writes()) > 0 {
		t.Errorf("held twice: %q, found %q", outcomes, rules)
	}

	outcomes, rules = w.run(hold.Lift{Client: w.client, Target: w.target})
	if want := map[string]string{"Release a-staging": "may be release r1 again", "Release b-staging": "may be release r2 again", "Release c-staging": "was not held"}; !maps.Equal(outcomes, want) || len(rules) > 0 {
		t.Errorf("lifted: %q, found %q", outcomes, rules)
	}
	lifted := map[string]string{"a": r1.String(), "b": release.Label{Release: "r1", Digest: digest(2)}.String(), "c": "by hand"}
	if messages, now := w.serving(); !maps.Equal(messages, lifted) || !reflect.DeepEqual(now, versions) {
		t.Errorf("lifted, they say %q and serve %v", messages, now)
	}
}

func TestWhatServesNoReleaseOfOursCannotBeHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"c": "by hand"})
	outcomes, rules := w.run(hold.Place{Client: w.client, Target: w.target})
	if !slices.Equal(rules, []string{"not-held"}) || outcomes["Hold a-staging"] != "is not deployed" || len(w.Calls().Writes()) > 0 {
		t.Errorf("%q, found %q", outcomes, rules)
	}
}

// wanted is a script with deployments, the newest first, of which a release wants a
// digest.
func wanted(line int, want string, deployed ...release.Label) hold.Wanted {
	w := hold.Wanted{Digest: want, At: finding.Position{File: "wrangler.toml", Line: line}}
	for _, l := range deployed {
		w.Before.History = append(w.Before.History, cloudflare.Deployment{Annotations: map[string]string{"workers/message": l.String()}})
	}
	w.Before.Serving = w.Before.History[0]
	w.Unchanged = deployed[0].Digest == want
	return w
}

func TestAHoldRefusesWhatWasTakenBackAndAStrictOneAll(t *testing.T) {
	t.Parallel()
	good, bad := release.Label{Release: "r1", Digest: digest(1)}, release.Label{Release: "r2", Digest: digest(2)}
	back := release.Label{Release: "r1", Digest: digest(1), From: "r2"}
	strict := release.Label{Release: "r1", Digest: digest(1), From: "r2", Strict: true}
	person := release.Label{Release: "r1", Digest: digest(1), From: "r1", Strict: true}
	later := release.Label{Release: "r3", Digest: digest(3)}
	left := release.Label{Release: "r1", Digest: digest(7)} // which the bad release left alone
	const same, lift = "this is the same code and configuration", "lift the hold with"
	for _, tt := range []struct {
		name string
		all  []hold.Wanted
		says string // empty: it is let in
	}{
		{"nothing was taken back", []hold.Wanted{wanted(1, digest(2), good)}, ""},
		{"the same again", []hold.Wanted{wanted(1, digest(2), back, bad, good), wanted(2, digest(7), left)}, "staging was taken back from release r2, and is held, because it was slow; this is the same"},
		{"something was corrected", []hold.Wanted{wanted(1, digest(4), back, bad, good), wanted(2, digest(7), left)}, ""},
		{"another Worker was corrected", []hold.Wanted{wanted(1, digest(2), back, bad, good), wanted(2, digest(8), left)}, ""},
		{"another Worker goes back to what it served once", []hold.Wanted{wanted(1, digest(2), back, bad, good), wanted(2, digest(7), release.Label{Release: "r1", Digest: digest(9)}, left)}, same},
		{"a later release has come", []hold.Wanted{wanted(1, digest(2), back, bad, good), wanted(2, digest(3), later)}, ""},
		{"something was corrected, and the hold is strict", []hold.Wanted{wanted(1, digest(4), strict, bad, good)}, lift},
		{"a later release has come, and the hold is strict", []hold.Wanted{wanted(1, digest(4), strict, bad, good), wanted(2, digest(3), later)}, lift},
		{"a person holds it", []hold.Wanted{wanted(1, digest(4), person, good)}, "staging is held on release r1"},
	} {
		found := hold.Refuse("staging", tt.all, func(release string) string { return map[string]string{"r2": ", because it was slow"}[release] })
		if tt.says == "" {
			if len(found) > 0 {
				t.Errorf("%s: %v", tt.name, found)
			}
			continue
		}
		if len(found) != 1 || found[0].Rule != "held" || found[0].Severity != finding.Error || found[0].At.Line != 1 {
			t.Errorf("%s: %+v", tt.name, found)
			continue
		}
		if !strings.Contains(found[0].Message+" "+found[0].Hint, tt.says) {
			t.Errorf("%s: %+v", tt.name, found[0])
		}
	}
	if found := hold.Refuse("staging", nil, nil); found != nil {
		t.Errorf("nothing is wanted: %v", found)
	}
	// Who took it back is told, when Cloudflare knows.
	by := wanted(1, digest(2), back, bad)
	by.Before.Serving.Author = "ada@example.com"
	if found := hold.Refuse("staging", []hold.Wanted{by}, nil); len(found) != 1 || !strings.HasPrefix(found[0].Message, "staging was taken back from release r2 by ada@example.com, and is held; this") {
		t.Errorf("%v", found)
	}
}
