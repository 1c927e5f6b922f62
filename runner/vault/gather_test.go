package vault

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/dotenv"
	"github.com/tminus/deploy-action/runner/project"
)

func TestPlaceholdersAreRecognised(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"changeme", "CHANGE_ME", "please-change-this", "your-jwt-secret-here", "your_secret", "xxx", "xxxx-xxxx", "<jwt secret>", "placeholder", "PLACEHOLDER_ID", "replace-me", "TODO", "...", "***", "${{ secrets.JWT_SECRET }}", "paste-it-here", "null"} {
		if !Placeholder(text) {
			t.Errorf("%q is taken for a secret", text)
		}
	}
	for _, text := range []string{"", "x", "k3mQ1v0l2Xs9yq0Jm6yN8h3f0sA5cB7eT1uR4wZ2oPk=", "GOCSPX-abcDEF123", "1234-abc.apps.googleusercontent.com", "yours-truly-9f8e", "here", "xylophone"} {
		if Placeholder(text) {
			t.Errorf("%q is taken for a placeholder", text)
		}
	}
}

func TestValuesAreGatheredAndNoFindingShowsOne(t *testing.T) {
	t.Parallel()
	file, _ := dotenv.Parse(".env", []byte("A=file-a-hunter2\nB=\"file-b-$hunter2\"\nC=\nD=file-d-hunter2 \nOTHER=x\nGG=hunter2\n"))
	example, _ := dotenv.Parse(".env.example", []byte("E=example-hunter2\n"))
	env := map[string]string{"A": "env-a-hunter2", "E": "example-hunter2", "F": " env-f-hunter2", "C": ""}
	var all []project.Secret
	for _, name := range strings.Fields("A B C D E F G H") {
		all = append(all, project.Secret{Name: name})
	}
	store, found := Gather(Sources{Map: all, File: file, Example: example, Environment: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
	if got := strings.Join(store.Names(), ""); got != "ABDF" {
		t.Errorf("gathered %s", got)
	}
	if v, _ := store.Value("A"); v != "env-a-hunter2" {
		t.Error("the file won over the environment")
	}
	var rules []string
	for _, f := range found {
		rules = append(rules, f.Severity.String()+" "+f.Rule+" "+f.At.String())
	}
	want := "warning two-values .env:1|warning not-expanded .env:2|error empty-secret .env:3|error placeholder-secret |warning blank-secret |warning unknown-secret .env:6"
	if got := strings.Join(rules, "|"); got != want {
		t.Errorf("found %s\nwant  %s", got, want)
	}
	if text := fmt.Sprint(found); strings.Contains(text, "hunter2") {
		t.Errorf("a value is shown: %s", text)
	}
}
