package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const examples = "../../.github/examples/"

func example(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(examples + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// fakeSecrets are those without which there is no configuration.
var fakeSecrets = map[string]string{"WEBHOOK_SECRET": hookSecret, "GITHUB_TOKEN": "x", "CLOUDFLARE_API_TOKEN": "x"}

// knownFlags are the flags that a file may set too, and knownVariables all that is read.
func knownFlags(t *testing.T) map[string]bool {
	t.Helper()
	k, err := parser(&config{})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, f := range k.Model.Flags {
		all[f.Name] = !slices.Contains(atStart, f.Name)
	}
	return all
}

func knownVariables(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{"GOMEMLIMIT": true, "CLOUDFLARE_API_BASE_URL": true}
	k, err := parser(&config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range k.Model.Flags {
		for _, name := range f.Tag.Envs {
			all[name] = true
		}
	}
	for _, name := range secretNames {
		all[name], all[name+"_FILE"] = true, true
	}
	return all
}

func TestTheExampleOfTheFileIsRight(t *testing.T) {
	t.Parallel()
	text := example(t, "rollback-webhook.yaml")
	c, err := configure([]string{"--config", written(t, "server.yaml", text)}, vars(fakeSecrets))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.check(); err != nil {
		t.Error(err)
	}
	// With all that is left out written down it is right too, and nothing is missing.
	full := regexp.MustCompile(`(?m)^#( *[a-z-]+:|  - )`).ReplaceAllString(text, "$1")
	set := maps.Clone(fakeSecrets)
	set["OPS_WEBHOOK_URL"], set["PAGER_WEBHOOK_URL"], set["PAGER_WEBHOOK_SECRET"] = "https://example.com/a", "https://example.com/b", newsKey
	c, err = configure([]string{"--config", written(t, "server.yaml", full)}, vars(set))
	if err != nil || len(c.destinations) != 2 {
		t.Errorf("%v, %v\n%s", err, c.destinations, full)
	}
	var keys map[string]any
	if err := yaml.Unmarshal([]byte(full), &keys); err != nil {
		t.Fatal(err)
	}
	for name, inFile := range knownFlags(t) {
		if _, shown := keys[name]; inFile && !shown {
			t.Errorf("%s is not shown", name)
		}
	}
	// What is said to hold when a setting is left out is what holds.
	plain, err := configure(nil, vars(nil))
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != plain.Listen || c.Patience != plain.Patience || c.Database != plain.Database || c.GitHubAPI != plain.GitHubAPI || c.LogLevel != plain.LogLevel ||
		c.LogFormat != plain.LogFormat || !slices.Equal(c.Environment, plain.Environment) || !slices.Equal(c.Creator, plain.Creator) {
		t.Errorf("the example says %+v\nwhat holds is %+v", c, plain)
	}
}

type composed struct {
	Services map[string]struct {
		ReadOnly    bool `yaml:"read_only"`
		User        string
		CapDrop     []string `yaml:"cap_drop"`
		SecurityOpt []string `yaml:"security_opt"`
		Tmpfs       []string
		Environment map[string]string
		Secrets     []string
		Healthcheck struct{ Test []string }
		Build       struct{ Target string }
	}
	Secrets map[string]struct{ File string }
	Volumes map[string]any
}

func parseCompose(t *testing.T, text string) composed {
	t.Helper()
	var c composed
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheExampleForComposeIsRight(t *testing.T) {
	text := example(t, "compose.yaml")
	c := parseCompose(t, text)
	s := c.Services["rollback-webhook"]
	if !s.ReadOnly || s.User != "65532:65532" || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) || len(s.Tmpfs) == 0 || s.Build.Target != "webhook" {
		t.Errorf("it is not locked up: %+v", s)
	}
	known, flags := knownVariables(t), knownFlags(t)
	_, commented, _ := strings.Cut(text, "\n#services:\n")
	more := parseCompose(t, "services:\n"+regexp.MustCompile(`(?m)^#`).ReplaceAllString(commented, ""))
	postgres := more.Services["rollback-webhook"]
	for _, env := range []map[string]string{s.Environment, postgres.Environment} {
		for name, value := range env {
			if !known[name] {
				t.Errorf("nothing reads %s", name)
			}
			if secret, ok := strings.CutPrefix(value, "/run/secrets/"); ok && c.Secrets[secret].File == "" && more.Secrets[secret].File == "" || ok && !slices.Contains(slices.Concat(s.Secrets, postgres.Secrets), secret) {
				t.Errorf("%s names a secret that is not there", name)
			}
		}
	}
	if len(postgres.Environment) != 2 || more.Services["postgres"].Environment["POSTGRES_PASSWORD_FILE"] == "" {
		t.Errorf("the variant with Postgres is %+v", more)
	}
	if test := s.Healthcheck.Test; len(test) != 3 || test[0] != "CMD" {
		t.Errorf("it is asked by %q", test)
	} else if _, ok := flags[strings.TrimPrefix(test[2], "--")]; !ok {
		t.Errorf("%s is no flag", test[2])
	}
	for name, value := range s.Environment {
		if strings.HasPrefix(value, "/run/secrets/") {
			value = written(t, "secret", "a secret that is long enough")
		}
		t.Setenv(name, value)
	}
	got, err := configure(nil, os.LookupEnv)
	if err == nil {
		err = got.check()
	}
	if err != nil || got.Listen != "0.0.0.0:8080" || got.Repository[0] != "tminus/app" || got.Database != "/data/rollback-webhook.db" {
		t.Errorf("%v, %+v", err, got)
	}
}

func TestTheExampleForSystemdIsRight(t *testing.T) {
	t.Parallel()
	text := example(t, "rollback-webhook.service")
	settings := map[string][]string{}
	for line := range strings.SplitSeq(text, "\n") {
		if name, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			settings[name] = append(settings[name], value)
		}
	}
	for name, want := range map[string]string{"DynamicUser": "yes", "NoNewPrivileges": "yes", "ProtectSystem": "strict", "StateDirectory": "rollback-webhook", "Restart": "always", "CapabilityBoundingSet": ""} {
		if got := settings[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	file := written(t, "server.yaml", example(t, "rollback-webhook.yaml"))
	for _, line := range slices.Concat(settings["ExecStartPre"], settings["ExecStart"]) {
		words := strings.Fields(line)
		i := slices.Index(words, "/etc/rollback-webhook/rollback-webhook.yaml")
		if i < 0 || words[0] != "/usr/local/bin/rollback-webhook" {
			t.Fatalf("%s names no file", line)
		}
		words[i] = file
		if _, err := configure(words[1:], vars(fakeSecrets)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	credentials := t.TempDir()
	for _, line := range append(settings["LoadCredential"], regexp.MustCompile(`(?m)^# LoadCredential=(.*)$`).FindStringSubmatch(text)[1]) {
		name, _, _ := strings.Cut(line, ":")
		if !slices.Contains(secretNames, strings.ToUpper(strings.ReplaceAll(name, "-", "_"))) {
			t.Errorf("nothing reads the credential %s", name)
		}
		if err := os.WriteFile(filepath.Join(credentials, name), []byte("https://example.com/long-enough\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := configure([]string{"--config", file}, vars(map[string]string{"CREDENTIALS_DIRECTORY": credentials}))
	if err == nil {
		err = c.check()
	}
	if err != nil || len(c.destinations) != 1 {
		t.Errorf("%v, %v", err, c.destinations)
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		return // systemd's own opinion is asked where it is
	}
	unit := written(t, "rollback-webhook.service", strings.ReplaceAll(text, "/usr/local/bin/rollback-webhook", os.Args[0]))
	if out, err := exec.Command(analyze, "verify", unit).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze: %v\n%s", err, out)
	}
}
