package script_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/fakecloudflare/internal/ask"
	"github.com/tminus/deploy-action/runner/fakecloudflare/script"
	"github.com/tminus/deploy-action/runner/fakecloudflare/upload"
)

func TestDeploying(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	first := p.put("w", db)
	second := p.upload("w", db)
	share := func(v *script.Version, percent float64) script.Share {
		return script.Share{Version: v.ID, Percentage: percent}
	}
	for _, test := range []struct {
		name   string
		shares []script.Share
		code   int
	}{
		{"nothing", nil, 1001},
		{"not all of it", []script.Share{share(first, 99)}, 1001},
		{"too much", []script.Share{share(first, 60), share(second, 60)}, 1001},
		{"less than nothing", []script.Share{share(first, -1), share(second, 101)}, 1001},
		{"one version twice", []script.Share{share(first, 50), share(first, 50)}, 1001},
		{"three versions", []script.Share{share(first, 50), share(second, 25), {Version: "x", Percentage: 25}}, 1001},
		{"an unknown version", []script.Share{{Version: "11111111-1111-4111-8111-111111111111", Percentage: 100}}, 100146},
		{"a new one at nothing", []script.Share{share(first, 100), share(second, 0)}, 0},
		{"half and half", []script.Share{share(first, 50), share(second, 50)}, 0},
		{"all of the new one", []script.Share{share(second, 100)}, 0},
		{"back again", []script.Share{share(first, 100)}, 0},
	} {
		ask.Code(t, p.deploy("w", test.shares...), test.code)
	}
	ask.Code(t, p.deploy("nope", share(first, 100)), 10007)
	w, _ := p.Get("w")
	var triggers []string
	for _, d := range w.Deployments {
		triggers = append(triggers, d.Annotations["workers/triggered_by"])
	}
	if want := []string{"upload", "deployment", "deployment", "deployment", "rollback"}; !slices.Equal(triggers, want) {
		t.Errorf("triggers %v, want %v", triggers, want)
	}
	p.gone = true
	ask.Code(t, p.deploy("w", share(second, 100)), 10181)
}

func TestOnlyTheNewestHundredCanBeDeployed(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	first := p.put("w", "")
	second := p.upload("w", "")
	for range 99 {
		p.upload("w", "")
	}
	ask.Code(t, p.deploy("w", script.Share{Version: first.ID, Percentage: 100}), 100146)
	ask.Code(t, p.deploy("w", script.Share{Version: second.ID, Percentage: 100}), 0)
	if w, _ := p.Get("w"); len(w.Deployable()) != 100 || w.Deployable()[99].ID != second.ID {
		t.Errorf("%d versions can be deployed", len(w.Deployable()))
	}
}

func TestNoWayBackAcrossAMigration(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	first := p.put("w", "", "A")
	p.put("w", `{"migrations":{"new_tag":"v1","steps":[{"new_classes":["A"]}]}}`, "A")
	ask.Code(t, p.deploy("w", script.Share{Version: first.ID, Percentage: 100}), 10211)
}

func TestSecretsAndVersions(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	first := p.put("w", "")
	ask.Code(t, p.secret("w", "A", "1"), 0)
	ask.Code(t, p.secret("w", "B", "1"), 0)
	third, _ := p.Get("w")
	if third.Serving().Number != 3 || third.Serving().Annotations["workers/triggered_by"] != "secret" {
		t.Errorf("two secrets made %+v", third.Serving().Stamp)
	}
	back := script.Switch{Script: "w", Shares: []script.Share{{Version: first.ID, Percentage: 100}}}
	_, err := p.Deploy(back)
	ask.Code(t, err, 10220)
	if !strings.HasSuffix(err.Error(), "The following secrets have changed: A, B [code: 10220]") {
		t.Errorf("the text is %q", err)
	}
	back.Force = true
	_, err = p.Deploy(back)
	ask.Code(t, err, 0)
	ask.Code(t, p.secret("w", "A", "2"), 10215)
	_, err = p.Rebind(script.Rebinding{Script: "w", Change: map[string]*upload.Binding{"A": nil}, Undeployed: true})
	ask.Code(t, err, 0)
	_, err = p.Rebind(script.Rebinding{Script: "w", Change: map[string]*upload.Binding{"A": nil}, Undeployed: true})
	ask.Code(t, err, 10056)
	if list, _ := p.Secrets("w"); len(list) != 1 || list[0].Name != "B" {
		t.Errorf("secrets are %v", list)
	}
	ask.Code(t, p.secret("nope", "A", "1"), 10007)
}

func TestReadingTooSoonAfterAnUpload(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.put("w", "")
	p.SetStaleReads(2)
	v := p.upload("w", "")
	_, err := p.Read("w", v.ID)
	ask.Code(t, err, 100146)
	all := script.Share{Version: v.ID, Percentage: 100}
	ask.Code(t, p.deploy("w", all), 100146)
	ask.Code(t, p.deploy("w", all), 0)
}

func TestDeletingAScript(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.put("w", "")
	p.put("caller", `{"bindings":[{"name":"S","type":"service","service":"w"}]}`)
	p.put("consumer", "")
	ask.Code(t, p.Delete("consumer", true), 10064)
	ask.Code(t, p.Delete("w", false), 10064)
	if refs, err := p.References("w"); err != nil || len(refs) != 1 || refs[0].Script != "caller" {
		t.Errorf("references %v, %v", refs, err)
	}
	revision := p.Revision()
	ask.Code(t, p.Delete("w", true), 0)
	ask.Code(t, p.Delete("w", true), 10007)
	if p.Revision() == revision {
		t.Error("the runtime is not told")
	}
}

func TestFilesAreKeptOrReplaced(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	if v := p.put("w", `{"assets":{"jwt":"files","config":{"html_handling":"none"}}}`); v.Assets.Paths["/a"] != "hash" {
		t.Errorf("files %+v", v.Assets)
	}
	if v := p.put("w", `{"keep_assets":true}`); v.Assets == nil || string(v.Assets.Config["html_handling"]) != `"none"` {
		t.Errorf("kept %+v", v.Assets)
	}
	if v := p.put("w", `{"assets":{"config":{}}}`); v.Assets.Paths["/a"] != "hash" || len(v.Assets.Config) != 0 {
		t.Errorf("kept with another configuration %+v", v.Assets)
	}
	if v := p.put("w", `{}`); v.Assets != nil {
		t.Errorf("not asked for, but kept %+v", v.Assets)
	}
	_, err := p.Put(p.sending("w", `{"assets":{"jwt":"forged"}}`))
	ask.Code(t, err, 10021)
}

func TestAScriptThatIsTooLarge(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for name, test := range map[string]struct {
		fill func([]byte)
		code int
	}{
		"much that compresses well": {func([]byte) {}, 0},
		"much that does not":        {func(b []byte) { _, _ = rand.NewChaCha8([32]byte{}).Read(b) }, 10027},
	} {
		in := p.sending("w", "")
		large := make([]byte, 11<<20)
		test.fill(large)
		in.Upload.Modules = append(in.Upload.Modules, upload.Module{Name: "large.bin", Type: upload.Data, Body: large})
		_, err := p.Put(in)
		if ask.Code(t, err, test.code); t.Failed() {
			t.Log(name)
		}
	}
}

func TestSettingsBelongToNoVersion(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.put("w", `{"observability":{"enabled":true},"tags":["a"]}`)
	yes, tags := true, []string{"b"}
	w, err := p.SetSettings("w", upload.Settings{Logpush: &yes, Tags: &tags})
	if err != nil || !w.Settings.Logpush || string(w.Settings.Observability) != `{"enabled":true}` || w.Settings.Tags[0] != "b" || len(w.Versions) != 1 {
		t.Errorf("%+v, %v", w.Settings, err)
	}
	w, err = p.SetCrons("w", []string{"*/5 * * * *"})
	if err != nil || len(w.Crons) != 1 {
		t.Errorf("%v, %v", w.Crons, err)
	}
	_, err = p.SetCrons("w", []string{"every day"})
	ask.Code(t, err, 10100)
	w, err = p.SetSubdomain("w", true, nil)
	if err != nil || !w.Subdomain.Previews {
		t.Errorf("%+v, %v", w.Subdomain, err)
	}
}

func TestASecretsValueIsNotShown(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.put("w", "")
	ask.Code(t, p.secret("w", "A", "hunter2"), 0)
	w, _ := p.Get("w")
	if out, _ := json.Marshal(w.Newest().Bindings); strings.Contains(string(out), "hunter2") {
		t.Errorf("%s", out)
	}
}
