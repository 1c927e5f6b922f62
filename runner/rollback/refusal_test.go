package rollback_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/aim"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare/script"
	"github.com/tminus/deploy-action/runner/fakecloudflare/upload"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/rollback"
)

// undo is a rollback to what was there before a release.
func undo(m release.Manifest) func(*rollback.Stage) {
	r := aim.Undo(m)
	return func(s *rollback.Stage) { s.Known = &r }
}

// extra gives api a class more.
func (w *world) extra() {
	w.edit("api", "[env.staging]", "[[migrations]]\ntag = \"v2\"\nnew_sqlite_classes = [\"Extra\"]\n[env.staging]")
	w.code["api"] = "export class Extra {}\n" + w.code["api"]
}

// putSecret does what wrangler secret put does.
func (w *world) putSecret(worker, name, value string) {
	w.t.Helper()
	_, err := w.Scripts.Rebind(script.Rebinding{Script: scriptOf(worker), Change: map[string]*upload.Binding{name: {Name: name, Type: "secret_text", Fields: map[string]json.RawMessage{"text": json.RawMessage(strconv.Quote(value))}}}})
	if err != nil {
		w.t.Fatal(err)
	}
}

// remove deletes a store by the API, as a person does in the dashboard.
func (w *world) remove(path string) {
	w.t.Helper()
	r, err := http.NewRequest("DELETE", w.base+"/accounts/"+w.ID()+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer token")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		w.t.Fatalf("DELETE %s: %s", path, res.Status)
	}
}

// A refusal stands at the Worker that it is about, and is said before any write. What
// speaks against the first Worker keeps the others from going too, unless a part is
// asked for: then they go, and what was refused is a warning.
func TestWhatCannotGoBackIsRefusedBeforeAnyWrite(t *testing.T) {
	t.Parallel()
	const db, space = "81db6c20-2bc6-44b7-bcda-a60aa7b39742", "0f2ac74b498b48028cb68387c421e279"
	bound := func(binding, path string) func(*world) func(*rollback.Stage) {
		return func(w *world) func(*rollback.Stage) {
			_, err := w.D1.Create("registry", db)
			if err == nil {
				_, err = w.KV.Create("cache", space)
			}
			if err == nil {
				_, err = w.R2.Create("files")
			}
			if err != nil {
				w.t.Fatal(err)
			}
			w.edit("api", "durable_objects", binding+"\ndurable_objects")
			r1 := w.deploy("r1")
			w.edit("api", binding+"\n", "")
			r2 := w.deploy("r2")
			if path == "/queues/" {
				w.remove(path + w.queueID("other-staging"))
			} else {
				w.remove(path)
			}
			return to(r2, r1)
		}
	}
	tests := []struct {
		name    string
		rule    string
		message string
		begin   func(*world) func(*rollback.Stage)
	}{
		{"a class migration lies between two releases", "object-migration", "a migration of its Durable Object classes lies in between", func(w *world) func(*rollback.Stage) {
			r1 := w.deploy("r1")
			w.extra()
			w.deploy("r2")
			return to(w.deploy("r3"), r1)
		}},
		{"the release itself had a class migration", "one-way", "v2", func(w *world) func(*rollback.Stage) {
			r1 := w.deploy("r1")
			w.extra()
			return to(w.deploy("r2"), r1)
		}},
		{"more than 100 versions ago", "too-old", "is not among its 100 newest", func(w *world) func(*rollback.Stage) {
			r1 := w.deploy("r1")
			for i := range 100 {
				w.upload("api", i)
			}
			return to(w.deploy("r2"), r1)
		}},
		{"its database is gone", "gone-store", "bound to d1 " + db + " as STORE", bound(`d1_databases = [{ binding = "STORE", database_name = "registry", database_id = "`+db+`" }]`, "/d1/database/"+db)},
		{"its namespace is gone", "gone-store", "bound to kv_namespace " + space + " as STORE", bound(`kv_namespaces = [{ binding = "STORE", id = "`+space+`" }]`, "/storage/kv/namespaces/"+space)},
		{"its bucket is gone", "gone-store", "bound to r2_bucket files as STORE", bound(`r2_buckets = [{ binding = "STORE", bucket_name = "files" }]`, "/r2/buckets/files")},
		{"its queue is gone", "gone-store", "bound to queue other-staging as STORE", bound(`queues.producers = [{ binding = "STORE", queue = "other-staging" }]`, "/queues/")},
		{"a secret was put in between", "secrets-changed", "secrets of tminus-api-staging have changed since", func(w *world) func(*rollback.Stage) {
			r1 := w.deploy("r1")
			w.putSecret("api", "KEY", "one")
			return to(w.deploy("r2"), r1)
		}},
		{"nothing is known of what served before", "no-record", "nothing tells what tminus-api-staging served before", func(w *world) func(*rollback.Stage) {
			w.deploy("r1")
			r2 := w.deploy("r2")
			for i := range r2.Workers {
				if r2.Workers[i].Worker == "api" {
					r2.Workers[i].Previous = nil
				}
			}
			return undo(r2)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.refused(tt.begin(w), tt.rule, tt.message)
		})
	}
}

// refused tries a rollback that api stands in the way of.
func (w *world) refused(change func(*rollback.Stage), rule, message string) {
	w.t.Helper()
	t, before := w.t, w.serving()
	for _, prove := range []bool{true, false} {
		o := w.back(func(s *rollback.Stage) { change(s); s.Prove = prove })
		if o.verdict != pipeline.Failed || len(w.writes()) != 0 || len(w.backs.all) != 0 {
			t.Errorf("%s, writes %v, %d records", o.verdict, w.writes(), len(w.backs.all))
		}
		var f finding.Finding
		for _, one := range o.findings {
			if one.Rule == rule {
				f = one
			}
		}
		if f.Severity != finding.Error || f.At.File != "workers/api/wrangler.toml" || f.At.Line == 0 || !strings.Contains(f.Message, message) || f.Hint == "" {
			t.Errorf("finding %+v among %v", f, o.findings)
		}
		if !prove && !slices.Contains(o.rules(), "not-begun") {
			t.Errorf("rules %v", o.rules())
		}
	}
	o := w.back(func(s *rollback.Stage) { change(s); s.Partial = true })
	after := w.serving()
	if o.verdict != pipeline.Passed || !slices.Contains(o.rules(), rule) || len(w.writes()) != 2 {
		t.Errorf("a part: %s %v, writes %v", o.verdict, o.findings, w.writes())
	}
	if !slices.Equal(before["tminus-api-staging"], after["tminus-api-staging"]) || slices.Equal(before["tminus-mcp-staging"], after["tminus-mcp-staging"]) || slices.Equal(before["tminus-push-staging"], after["tminus-push-staging"]) {
		t.Errorf("a part: serves %v, before %v", after, before)
	}
}

// One run only: the account is asked again for a while, as it may not see a version yet.
func TestAVersionThatIsGoneIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r1 := w.deploy("r1")
	const gone = "11111111-1111-4111-8111-111111111111"
	for i := range r1.Workers {
		if r1.Workers[i].Worker == "api" {
			r1.Workers[i].Version = gone
		}
	}
	w.deploy("r2")
	o := w.back(to(w.deploy("r3"), r1))
	if o.verdict != pipeline.Failed || len(w.writes()) != 0 || !slices.Equal(o.rules(), []string{"not-begun", "gone-version"}) {
		t.Fatalf("%s %v, writes %v", o.verdict, o.findings, w.writes())
	}
	if f := o.findings[1]; !strings.Contains(f.Message, gone) || f.At.File != "workers/api/wrangler.toml" || f.At.Line == 0 {
		t.Errorf("%+v", f)
	}
}

func TestTheFirstReleaseHasNoWayBack(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]func(release.Manifest) func(*rollback.Stage){
		"by its record": undo, "by labels": func(release.Manifest) func(*rollback.Stage) { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r1 := w.deploy("r1")
			o := w.back(known(r1))
			if o.verdict != pipeline.Failed || len(w.writes()) != 0 || !slices.Equal(o.rules(), []string{"not-begun", "one-way", "one-way", "one-way"}) {
				t.Errorf("%s %v, writes %v", o.verdict, o.rules(), w.writes())
			}
			for _, f := range o.findings[1:] {
				if !strings.HasPrefix(f.At.File, "workers/") || f.At.Line == 0 {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}

func TestAnAccountThatTellsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.deploy("r1")
	for _, worker := range names {
		w.split(worker, alone(w.first(worker))...)
	}
	for _, change := range []func(*rollback.Stage){nil, func(s *rollback.Stage) { s.To = "r0" }} {
		o := w.back(change)
		if o.verdict != pipeline.Failed || !slices.Equal(o.rules(), []string{"no-record"}) || len(w.writes()) != 0 || !strings.Contains(o.findings[0].Hint, "--to VERSION") {
			t.Errorf("%s %v, writes %v", o.verdict, o.findings, w.writes())
		}
	}
}

func TestForcedSecretsAreAWarningAndSayForce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.secrets["JWT_SECRET"] = "old-old-old"
	r1 := w.deploy("r1")
	first := w.serving()
	w.secrets["JWT_SECRET"] = "new-new-new"
	w.deploy("r2")
	w.putSecret("push", "KEY", "one")
	r3 := w.deploy("r3")
	o := w.back(func(s *rollback.Stage) { to(r3, r1)(s); s.Force = true })
	if o.verdict != pipeline.Passed || !slices.Equal(o.rules(), []string{"secrets-changed", "secrets-changed"}) || !strings.Contains(fmt.Sprint(o.findings), "JWT_SECRET") || !reflect.DeepEqual(first, w.serving()) {
		t.Errorf("%s %v, serves %v, at first %v", o.verdict, o.findings, w.serving(), first)
	}
	for _, call := range w.writes() {
		if !strings.HasSuffix(call, "/deployments?force=true") {
			t.Errorf("%s", call)
		}
	}
}

// upload uploads a version of a Worker that never serves.
func (w *world) upload(worker string, n int) {
	w.t.Helper()
	_, err := w.client.UploadVersion(context.Background(), scriptOf(worker), cloudflare.Upload{
		Metadata: map[string]any{"main_module": "index.js", "compatibility_date": "2026-03-17", "bindings": []any{map[string]any{"type": "durable_object_namespace", "name": "GRAPH", "class_name": "Graph"}}},
		Parts:    []cloudflare.Part{{Name: "index.js", MIME: "application/javascript+module", Content: fmt.Appendf(nil, "%s\n// version %d", w.code[worker], n)}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) queueID(name string) string {
	w.t.Helper()
	all, err := w.client.Queues(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return all[slices.IndexFunc(all, func(q cloudflare.Queue) bool { return q.Name == name })].ID
}
