package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tminus/deploy-action/runner/finding"
)

// vars are variables that are set.
func vars(all map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := all[name]; return v, ok }
}

func written(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const whole = `
listen: 0.0.0.0:9000
metrics-listen: 127.0.0.1:9090
repository: [tminus/app, tminus/other]
environment:
  - production
script: ["tminus-*-production"]
patience: 3m
app-id: 12345
log-level: warn
log-format: text
notify:
  - name: ops
    kind: slack
    url-variable: OPS
  - name: pager
    kind: json
    url-file: FOLDER/url
    secret-file: FOLDER/key
`

func TestAFileSaysWhatFlagsSay(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, text := range map[string]string{"url": "https://pager.example.com/hook\n", "key": newsKey + "\r\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := written(t, "server.yaml", strings.ReplaceAll(whole, "FOLDER", folder))
	c, err := configure([]string{"--config", file, "--patience", "5m"}, vars(map[string]string{"OPS": "https://hooks.example.com" + newsPath, "WEBHOOK_SECRET": hookSecret}))
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "0.0.0.0:9000" || c.Metrics != "127.0.0.1:9090" || !slices.Equal(c.Repository, []string{"tminus/app", "tminus/other"}) || !slices.Equal(c.Environment, []string{"production"}) ||
		c.App != 12345 || c.LogLevel.String() != "WARN" || c.LogFormat != "text" || c.tokens.secret != hookSecret {
		t.Errorf("%+v", c)
	}
	if c.Patience != 5*time.Minute {
		t.Errorf("the flag does not win: %s", c.Patience)
	}
	if len(c.destinations) != 2 || c.destinations[0].URL != "https://hooks.example.com"+newsPath || c.destinations[1].URL != "https://pager.example.com/hook" || c.destinations[1].Secret != newsKey {
		t.Errorf("destinations %v", c.destinations)
	}
	for name, want := range map[string]string{"listen": "file", "patience": "flag", "database": "", "WEBHOOK_SECRET": "variable WEBHOOK_SECRET", "config": "flag"} {
		if c.origins[name] != want {
			t.Errorf("%s is from %q, want %q", name, c.origins[name], want)
		}
	}
}

func TestVariablesWinOverTheFile(t *testing.T) {
	file := written(t, "server.yaml", "patience: 3m\nlisten: 127.0.0.1:1\n")
	t.Setenv("PATIENCE", "4m")
	t.Setenv("CONFIG", file)
	c, err := configure(nil, os.LookupEnv)
	if err != nil || c.Patience != 4*time.Minute || c.Listen != "127.0.0.1:1" || c.origins["patience"] != "variable PATIENCE" {
		t.Errorf("%+v, %v", c, err)
	}
	t.Setenv("PATIENCE", "soon")
	t.Setenv("GITHUB_APP_ID", "a secret by mistake")
	t.Setenv("LOG_FORMAT", "xml")
	t.Setenv("LOG_LEVEL", "loud")
	_, err = configure(nil, os.LookupEnv)
	for _, want := range []string{"PATIENCE is not a time", "GITHUB_APP_ID is not a number", "LOG_FORMAT is not one of json, text", "LOG_LEVEL is not one of debug"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %q", err, want)
		}
	}
	if strings.Contains(fmt.Sprint(err), "by mistake") || len(joined(err)) != 4 {
		t.Errorf("%v", err)
	}
}

// A line that is wrong carries what must be said of it.
func TestEverythingThatIsWrongInAFileIsSaidWithItsPlace(t *testing.T) {
	t.Parallel()
	file := written(t, "server.yaml", `
lisen: a                    # want 2:1 there is no setting "lisen" (did you mean "listen"?)
repositories: [a/b]         # want 3:1 did you mean "repository"
cloudflare-account-id: x    # want 4:1 did you mean "account"
color: red                  # want 5:1 remove it; the settings are
patience: soon              # want 6:1 a time such as 90s or 10m
app-id: twelve              # want 7:1 "app-id" must be a number
script: tminus-*            # want 8:1 a list of texts
environment: [1]            # want 9:1 a list of texts
listen: 8080                # want 10:1 a text in quotes
log-format: xml             # want 11:1 one of json, text
log-level: loud             # want 12:1 one of debug, info, warn, error
github-token: ghp_hidden00  # want 13:1 set GITHUB_TOKEN, or the same name with _FILE
webhook-secret: hidden      # want 14:1 set WEBHOOK_SECRET, or
database: postgres://u:hidden@db/x  # want 15:1 set DATABASE_URL, or
check-config: true          # want 16:1 give --check-config
creator: []                 # want 17:1 a list of texts
account:                    # want 18:1 a text in quotes
notify:
  - name: a
    kind: slack
    url: https://hidden     # want 22:5 write url-variable
    url-variabel: X         # want 23:5 did you mean "url-variable"
  - name: b                 # want 24:5 neither url-variable nor url-file
    kind: slack
  - nobody                  # want 26:5 a list of tables
  - name: c                 # want 27:5 the variable NOWHERE
    kind: slack
    url-variable: NOWHERE
  - name: d                 # want 30:5 its url-file
    kind: slack
    url-file: /no/such/file
  - name: e                 # want 33:5 neither secret-variable nor secret-file
    kind: json
    url-variable: SOMEWHERE
  - name: f                 # want 36:5 none of slack and json
    kind: pigeon
    url-variable: SOMEWHERE
  - name: g                 # want 39:5 it has both
    kind: slack
    url-variable: SOMEWHERE
    url-file: x
  - name: h
    kind: slack
    url-variable: SOMEWHERE
  - name: h                 # want 46:5 there are two of this name
    kind: slack
    url-variable: SOMEWHERE
  - name: i
    kind: slack
    insecure: maybe         # want 51:5 true or false
    url-variable: SOMEWHERE
`)
	_, err := configure([]string{"--config=" + file}, vars(map[string]string{"SOMEWHERE": "https://example.com/hidden"}))
	var said []string
	for _, one := range joined(err) {
		said = append(said, strings.TrimPrefix(one.Error(), file+":"))
	}
	src, _ := os.ReadFile(file)
	wanted := 0
	for line := range strings.SplitSeq(string(src), "\n") {
		_, want, ok := strings.Cut(line, "# want ")
		if !ok {
			continue
		}
		wanted++
		place, words, _ := strings.Cut(want, " ")
		if !slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, place+": ") && strings.Contains(s, words) }) {
			t.Errorf("nobody says %q of %s", words, place)
		}
	}
	// The first entry has no address either, which is said too.
	if len(said) != wanted+1 {
		t.Errorf("%d things are said, want %d:\n%s", len(said), wanted+1, strings.Join(said, "\n"))
	}
	if all := strings.Join(said, "\n"); strings.Contains(all, "hidden") {
		t.Errorf("a secret is told:\n%s", all)
	}
}

func TestAFileThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"listen: a\nlisten: b\n": `server.yaml:2:1: key "listen" is written twice`,
		"listen: [\n":            "not valid YAML",
		"- a\n":                  "the file holds no table",
		"a: &x 1\nb: *x\n":       "aliases",
	} {
		_, err := configure([]string{"--config", written(t, "server.yaml", text)}, vars(nil))
		if err == nil || !strings.Contains(err.Error(), want) || len(joined(err)) != 1 {
			t.Errorf("%q: %v", text, err)
		}
	}
	for path, want := range map[string]string{"/no/such.yaml": "--config: open /no/such.yaml", written(t, "server.toml", ""): "must end in .yaml"} {
		if _, err := configure([]string{"--config", path}, vars(nil)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if c, err := configure([]string{"--config", written(t, "server.yaml", "")}, vars(nil)); err != nil || c.Listen != "127.0.0.1:8080" {
		t.Errorf("an empty file: %v, %+v", err, c)
	}
}

func TestASecretComesFromAVariableOrAFile(t *testing.T) {
	t.Parallel()
	credentials := t.TempDir()
	if err := os.WriteFile(filepath.Join(credentials, "github-token"), []byte("from systemd\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := configure(nil, vars(map[string]string{
		"WEBHOOK_SECRET_FILE": written(t, "s", "from a file\r\n"), "CLOUDFLARE_API_TOKEN": "from a variable", "CREDENTIALS_DIRECTORY": credentials,
		"DATABASE_URL_FILE": written(t, "d", "postgres://u:p4ssw0rd@db/x"), "SLACK_WEBHOOK_URL": "https://hooks.example.com" + newsPath,
		"NOTIFY_WEBHOOK_URL": "https://example.com/x", "NOTIFY_WEBHOOK_SECRET_FILE": written(t, "k", newsKey),
	}))
	if err != nil {
		t.Fatal(err)
	}
	if c.tokens.secret != "from a file" || c.tokens.api != "from a variable" || c.tokens.github != "from systemd" || c.Database != "postgres://u:p4ssw0rd@db/x" {
		t.Errorf("%+v, %s", c.tokens, c.Database)
	}
	if got := fmt.Sprint(c.destinations); got != "[slack (slack) webhook (json)]" || c.destinations[1].Secret != newsKey {
		t.Errorf("destinations %s", got)
	}
	var shown strings.Builder
	c.show(&shown)
	for _, want := range []string{"WEBHOOK_SECRET           set      file of WEBHOOK_SECRET_FILE", "credential github-token", "WEBHOOK_SECRET_PREVIOUS  not set  -"} {
		if !strings.Contains(strings.Join(strings.Fields(shown.String()), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("%q is not in\n%s", want, shown.String())
		}
	}
	for _, secret := range []string{"from a", "from systemd", "p4ssw0rd", newsPath, newsKey} {
		if strings.Contains(shown.String(), secret) {
			t.Errorf("%q is shown", secret)
		}
	}
}

func TestWhatIsWrongWithASecretIsSaid(t *testing.T) {
	t.Parallel()
	for want, set := range map[string]map[string]string{
		"both GITHUB_TOKEN and GITHUB_TOKEN_FILE are set":   {"GITHUB_TOKEN": "x", "GITHUB_TOKEN_FILE": "y"},
		"WEBHOOK_SECRET_FILE: stat /no/such":                {"WEBHOOK_SECRET_FILE": "/no/such"},
		"is empty":                                          {"WEBHOOK_SECRET_FILE": written(t, "s", "\n")},
		"is no file that holds a secret":                    {"WEBHOOK_SECRET_FILE": t.TempDir()},
		"NOTIFY_WEBHOOK_SECRET is not set":                  {"NOTIFY_WEBHOOK_URL": "https://example.com/hidden"},
		"notify slack: its address is no URL":               {"SLACK_WEBHOOK_URL": "hidden"},
		"notify slack: its address is public and not encry": {"SLACK_WEBHOOK_URL": "http://203.0.113.1/hidden"},
	} {
		_, err := configure(nil, vars(set))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%v\nwant %q", err, want)
		}
	}
}

func TestWhatMayNotBeMeantIsDoubted(t *testing.T) {
	t.Parallel()
	c := complete()
	c.Creator = []string{"github-actions[bot]"}
	if got := c.doubts(); len(got) != 1 || !strings.HasPrefix(got[0], "nobody is notified") {
		t.Errorf("%q", got)
	}
	c.Listen, c.GitHubAPI, c.App, c.Creator = "0.0.0.0:8080", "http://ghe.example.com/api/v3", 1, []string{"octocat"}
	c.tokens.previous, c.tokens.base = c.tokens.secret, "http://127.0.0.1:1"
	got := strings.Join(c.doubts(), "\n")
	for _, want := range []string{"so is /metrics", "--github-api-url is not encrypted", "GITHUB_TOKEN is not used", "octocat is a person", "is the same as WEBHOOK_SECRET"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if strings.Contains(got, "CLOUDFLARE_API_BASE_URL") {
		t.Errorf("this machine is doubted\n%s", got)
	}
	c.Metrics, c.tokens.previous = "127.0.0.1:9090", "another secret of sixteen"
	if got := strings.Join(c.doubts(), "\n"); strings.Contains(got, "/metrics") || !strings.Contains(got, "is still set") {
		t.Errorf("%s", got)
	}
}

func TestATestIsSentToEverybody(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)
	var out strings.Builder
	if code := s.config.sendTest(t.Context(), &out); code != 0 || len(s.news.all()) != 1 || len(s.news.slack) != 1 || strings.Count(out.String(), "it took the test") != 2 {
		t.Errorf("%d\n%s", code, out.String())
	}
	s.news.Close()
	out.Reset()
	if code := s.config.sendTest(t.Context(), &out); code != 2 || strings.Count(out.String(), "connection refused") != 2 || strings.Contains(out.String(), "notFor") {
		t.Errorf("%d\n%s", code, out.String())
	}
	none := complete()
	if code := none.sendTest(t.Context(), &out); code != 2 {
		t.Errorf("with nobody to be notified: %d", code)
	}
}

func TestAPasswordInAnAddressIsFound(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"postgres://u:p4ss@db/x": "[p4ss p4ss]", "postgres://u:p4%20s%40s@db:5432/x": "[p4 s@s p4%20s%40s]", "postgres://u@db/x?password=p%2Fq": "[p/q p%2Fq]",
		"postgres://u@db/x": "[]", "postgres:///x?host=/run": "[]", "/data/server.db": "[]", "server.db": "[]", "postgres://u:@db/x": "[]", "://": "[]",
	} {
		if got := fmt.Sprint(passwordsIn(text)); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
		c := config{Database: text}
		for _, password := range passwordsIn(text) {
			if got := c.redactor().Redact("open " + text); len(password) > 3 && strings.Contains(got, password) {
				t.Errorf("%s is in %s", password, got)
			}
		}
	}
}

// Whatever stands in the file, it is read or it is said where it is wrong.
func FuzzSettings(f *testing.F) {
	f.Add(whole)
	f.Add("listen: [")
	f.Add("notify:\n  - url: x\n")
	f.Add("database: postgres://a:b@c/d\nrepository:\n- 1\n")
	k, err := parser(&config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := &settings{}
		if err := s.read("server.yaml", []byte(text), k.Model.Flags); err != nil {
			if at := finding.From(err, "config", finding.Position{})[0].At; at.File != "server.yaml" {
				t.Fatalf("%v has no place", err)
			}
			return
		}
		for _, e := range s.Errors {
			if e.At.Line < 1 || e.At.Line > strings.Count(text, "\n")+1 || e.Hint == "" {
				t.Fatalf("%v is not in the file, or nobody knows what to do", e)
			}
		}
	})
}
