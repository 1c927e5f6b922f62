package fakegithub_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/tminus/deploy-action/checks/fakegithub/contract"
)

// keysOf lists the paths to everything in a JSON object.
func keysOf(at string, value any, into map[string]bool) {
	object, ok := value.(map[string]any)
	if !ok {
		return
	}
	for key, inner := range object {
		into[at+key] = true
		keysOf(at+key+".", inner, into)
	}
}

// samples are GitHub's example payloads by event and action.
func samples(t *testing.T) map[string][]map[string]any {
	t.Helper()
	path, err := contract.Fetch(t.Context(), contract.Examples, "api.github.com/index.json")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var events []struct {
		Name     string
		Examples []map[string]any
	}
	if err := json.Unmarshal(data, &events); err != nil {
		t.Fatal(err)
	}
	all := map[string][]map[string]any{}
	for _, e := range events {
		for _, example := range e.Examples {
			name := e.Name
			if action, ok := example["action"].(string); ok {
				name += "." + action
			}
			all[name] = append(all[name], example)
		}
	}
	return all
}

// What every example of an event has, our payload has too.
func TestPayloadsHaveWhatTheExamplesHave(t *testing.T) {
	t.Parallel()
	h := withWorkflows(t)
	app := h.app()
	r, mine := receive(t), receive(t)
	h.Hook(r.url, secret, "*")
	h.AppHook(app, mine.url, secret)
	run := h.installed(app).must(201, "POST R/check-runs", fmt.Sprintf(`{"name":"n","head_sha":%q,"conclusion":"success","actions":[{"label":"l","description":"d","identifier":"i"}]}`, h.Head("main")))
	if err := h.Press(int64(run.Object["id"].(float64)), "i", "ann"); err != nil {
		t.Fatal(err)
	}
	d := h.deploy("")
	h.must(201, "POST R/deployments/"+d+"/statuses", `{"state":"failure"}`)
	started, err := h.StartRun("push.yml", "push", "main")
	if err == nil {
		err = h.SetRun(started.ID, "completed", "success")
	}
	if err != nil {
		t.Fatal(err)
	}
	examples, held := samples(t), 0
	for _, got := range slices.Concat(r.take(h), mine.take(h)) {
		var payload any
		if err := json.Unmarshal(got.body, &payload); err != nil {
			t.Fatal(err)
		}
		ours := map[string]bool{}
		keysOf("", payload, ours)
		name := names([]arrived{got})
		counts := map[string]int{}
		for _, example := range examples[name] {
			theirs := map[string]bool{}
			keysOf("", example, theirs)
			for key := range theirs {
				counts[key]++
			}
		}
		if len(examples[name]) > 0 {
			held++
		}
		for _, key := range slices.Sorted(maps.Keys(counts)) {
			if counts[key] == len(examples[name]) && !ours[key] && !of.MatchString(key) && !(got.event == "ping" && got.header.Get("X-GitHub-Hook-Installation-Target-Type") == "integration") {
				t.Errorf("%s lacks %s", name, key)
			}
		}
	}
	if held < 8 {
		t.Errorf("only %d payloads were held against examples", held)
	}
}

// of is what differs from repository to repository and App to App.
var of = regexp.MustCompile(`\.(permissions|license)\.`)
