package alarm

import (
	"strings"
	"testing"

	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/runner/release"
)

var rules = Rules{Repositories: []string{"tminus/app"}, Environments: []string{"production"}, Scripts: []string{"tminus-*-production"}, Creators: []string{"github-actions[bot]"}}

// body is a delivery, with some of it changed.
func body(changes ...string) []byte {
	text := `{"action":"created","deployment_status":{"state":"failure","description":"Smoke production failed: it answered 500"},
		"deployment":{"id":7,"sha":"abc","task":"deploy","environment":"production","creator":{"login":"github-actions[bot]"},
		"payload":{"by":"tminus/deploy-action","schema":1,"release":"r1","environment":"production","workers":[{"script":"tminus-api-production"}]}},
		"repository":{"full_name":"TMinus/app"}}`
	return []byte(strings.NewReplacer(changes...).Replace(text))
}

func TestAFailedReleaseIsAnAlarm(t *testing.T) {
	t.Parallel()
	for name, b := range map[string][]byte{"an object": body(), "the action failed": body(`"failure"`, `"error"`)} {
		a, why, ok := rules.Judge("deployment_status", b)
		if !ok || a.Key() != "tminus/app production r1" || a.Lane() != "tminus/app production" || a.Stage != "smoke" || a.Deployment != 7 || a.SHA != "abc" || !strings.Contains(why, "r1") {
			t.Errorf("%s: %+v, %q, %v", name, a, why, ok)
		}
	}
	text := body(`"payload":{`, `"payload":"{`, `]}},`, `]}"},`)
	text = []byte(strings.Replace(string(text), `{"by":"tminus/deploy-action","schema":1,"release":"r1","environment":"production","workers":[{"script":"tminus-api-production"}]}`, strings.ReplaceAll(`{"by":"tminus/deploy-action","schema":1,"release":"r1","environment":"production","workers":[{"script":"tminus-api-production"}]}`, `"`, `\"`), 1))
	if _, why, ok := rules.Judge("deployment_status", text); !ok {
		t.Errorf("a payload that is a text: %s", why)
	}
}

func TestEverythingElseIsIgnoredWithAReason(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, event string
		body        []byte
		says        string
	}{
		{"another event", "push", body(), "not about"},
		{"a release that goes well", "deployment_status", body(`"failure"`, `"success"`), "is success"},
		{"one that is retired", "deployment_status", body(`"failure"`, `"inactive"`), "is inactive"},
		{"one that is held", "deployment_status", body("Smoke production failed", "Held by octocat"), "a hold"},
		{"a job's own deployment", "deployment_status", body(deployment.Mark, "somebody"), "not of this action"},
		{"a rollback by its task", "deployment_status", body(`"task":"deploy"`, `"task":"rollback"`), "a rollback itself"},
		{"a rollback by its payload", "deployment_status", body(`"release":"r1"`, `"release":"r1","back":{"from":"r0"}`), "a rollback itself"},
		{"another repository", "deployment_status", body("TMinus/app", "evil/app"), "repository"},
		{"another environment", "deployment_status", body(`"environment":"production","creator"`, `"environment":"staging","creator"`), "environment"},
		{"a payload of another environment", "deployment_status", body(`"environment":"production","workers"`, `"environment":"staging","workers"`), "the payload is of"},
		{"somebody else's", "deployment_status", body("github-actions[bot]", "mallory"), "mallory"},
		{"a script outside", "deployment_status", body("tminus-api-production", "other-api-production"), "script"},
	}
	for _, tt := range tests {
		if _, why, ok := rules.Judge(tt.event, tt.body); ok || !strings.Contains(why, tt.says) {
			t.Errorf("%s: %v, %q", tt.name, ok, why)
		}
	}
}

func TestASignatureIsBelievedWhoeverMadeTheDeployment(t *testing.T) {
	t.Parallel()
	const key = "a key that the action and the server have"
	strict := rules
	strict.Keys = []string{"the key before, while it is changed", key}
	signed := func(repository, key string) string {
		raw, err := deployment.Payload{By: deployment.Mark, Manifest: release.Manifest{Schema: release.Schema, Release: "r1", Environment: "production", Workers: []release.Placed{{Script: "tminus-api-production"}}}}.Sign(repository, key)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	plain := `{"by":"tminus/deploy-action","schema":1,"release":"r1","environment":"production","workers":[{"script":"tminus-api-production"}]}`
	tests := []struct {
		name, creator, payload string
		believed               bool
	}{
		{"signed, by anybody", "mallory", signed("tminus/App", key), true},
		{"signed with the key before", "mallory", signed("tminus/app", strict.Keys[0]), true},
		{"not signed, by the action", "github-actions[bot]", plain, true},
		{"not signed, by anybody", "mallory", plain, false},
		{"signed with another key", "github-actions[bot]", signed("tminus/app", "another"), false},
		{"signed for another repository", "github-actions[bot]", signed("tminus/other", key), false},
		{"changed afterwards", "github-actions[bot]", strings.Replace(signed("tminus/app", key), `"r1"`, `"r2"`, 1), false},
		{"added to afterwards", "github-actions[bot]", strings.Replace(signed("tminus/app", key), `{`, `{"new":1,`, 1), false},
	}
	for _, tt := range tests {
		if _, why, ok := strict.Judge("deployment_status", body("github-actions[bot]", tt.creator, plain, tt.payload)); ok != tt.believed {
			t.Errorf("%s: %v, %q", tt.name, ok, why)
		}
	}
	if _, _, ok := rules.Judge("deployment_status", body(plain, signed("tminus/app", key))); !ok {
		t.Error("a server without a key does not believe a signed payload of the action")
	}
}

func FuzzJudge(f *testing.F) {
	f.Add("deployment_status", body())
	f.Fuzz(func(t *testing.T, event string, b []byte) {
		a, why, ok := rules.Judge(event, b)
		if why == "" {
			t.Fatal("there is no reason")
		}
		if ok && (!strings.EqualFold(a.Repository, "tminus/app") || a.Environment != "production" || a.Payload.By != deployment.Mark) {
			t.Fatalf("%+v got through", a)
		}
	})
}
