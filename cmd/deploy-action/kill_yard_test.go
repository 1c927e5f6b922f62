package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub"
	"github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare/dns"
	"github.com/tminus/deploy-action/runner/fakecloudflare/edge"
)

var authority = sync.OnceValues(edge.NewAuthority)

// chain are three Workers that need each other in a row. The number is that of the
// release, which changes code and a route of each.
func chain(n int) map[string]string {
	all := map[string]string{}
	needs := map[string]string{"oauth": "api", "mcp": "oauth"}
	for _, name := range chained {
		config := fmt.Sprintf("name = \"tminus-%[1]s\"\nmain = \"index.js\"\ncompatibility_date = \"2026-03-17\"\nworkers_dev = false\n[env.production]\nvars = { ENVIRONMENT = \"production\" }\nroutes = [{ pattern = \"%[1]s.tminus.ink/*\", zone_name = \"tminus.ink\" }, { pattern = \"%[1]s.tminus.ink/r%[2]d/*\", zone_name = \"tminus.ink\" }]\n", name, n)
		if need := needs[name]; need != "" {
			config += fmt.Sprintf("services = [{ binding = \"NEXT\", service = \"tminus-%s-production\" }]\n", need)
		}
		all["workers/"+name+"/wrangler.toml"] = config
		all["workers/"+name+"/index.js"] = fmt.Sprintf("export default { fetch() { return new Response('%s %d') } }\n", name, n)
	}
	return all
}

var chained = []string{"api", "oauth", "mcp"}

// yard is an account, a repository and a project in which the program is killed.
// The victim reaches both by addresses of its own, so that nothing of it arrives
// once it is dead.
type yard struct {
	t       *testing.T
	account *fakecloudflare.Server
	hub     *fakegithub.Server
	reaper  *reaper
	dir     string
	binary  string
	common  []string // flags of every run

	api, web, apiOfVictim, webOfVictim string // addresses

	shas    map[int]string // of the releases
	healthy map[int]bool
	last    string // the call at which the victim was killed
}

func newYard(t *testing.T) *yard {
	t.Helper()
	y := &yard{
		t: t, dir: t.TempDir(), reaper: &reaper{}, shas: map[int]string{}, healthy: map[int]bool{0: true, 1: true, 2: true, 3: true},
		account: fakecloudflare.New(fakecloudflare.Options{Token: apiToken, Subdomain: "test", Zones: []fakecloudflare.Zone{{Name: "tminus.ink"}}}),
		hub:     fakegithub.New(fakegithub.Options{Owner: "tminus", Repo: "app"}),
	}
	t.Cleanup(func() {
		y.hub.Close()
		if err := y.account.Close(); err != nil {
			t.Error(err)
		}
	})
	var err error
	if y.binary, err = os.Executable(); err != nil {
		t.Fatal(err)
	}
	for _, name := range chained {
		if _, err := y.account.Zones.AddRecord("tminus.ink", dns.Content{Type: "CNAME", Name: name + ".tminus.ink", Content: "tminus.ink", Proxied: true}); err != nil {
			t.Fatal(err)
		}
	}
	y.api, y.apiOfVictim = y.serve(y.account)+"/client/v4", y.serve(y.reaper.before(y.account))+"/client/v4"
	y.web, y.webOfVictim = y.serve(y.hub), y.serve(y.reaper.before(y.hub))
	y.hub.Reached(y.web)
	y.edge()
	y.commits()
	return y
}

func (y *yard) serve(h http.Handler) string {
	server := httptest.NewServer(h)
	y.t.Cleanup(server.Close)
	return server.URL
}

// edge answers for the health of each host by the version that serves.
func (y *yard) edge() {
	y.t.Helper()
	a, err := authority()
	if err != nil {
		y.t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _, _ := strings.Cut(r.Host, ".")
		version, n := y.serving(name)
		if !y.healthy[n] {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, `{"ok":true,"data":{"status":"healthy","environment":"production","worker":"tminus-%s-production","version":%q,"bindings":{"all":"ok"}}}`, name, version)
	}))
	server.TLS = a.Config()
	server.StartTLS()
	y.t.Cleanup(server.Close)
	cert := filepath.Join(y.t.TempDir(), "ca.pem")
	if err := os.WriteFile(cert, a.PEM(), 0o600); err != nil {
		y.t.Fatal(err)
	}
	y.common = []string{"--project", y.dir, "--resolve", "*:443:" + server.Listener.Addr().String(), "--cacert", cert, "--health-timeout", "1ms", "--skip-smoke"}
}

// commits makes a commit for each release. Releases of one second are in the order of
// their commits' names, so these are made to rise.
func (y *yard) commits() {
	for n, digits := range []string{"0123", "4567", "89ab", "cdef"} {
		for i := 0; y.shas[n] == "" || !strings.ContainsRune(digits, rune(y.shas[n][0])); i++ {
			y.shas[n] = y.hub.Commit("main", fmt.Sprintf("Release %d, %d", n, i), map[string]string{".github/workflows/promote.yml": "on: push\njobs: {}\n", "n": fmt.Sprint(n, i)})
		}
	}
}

// project makes the project that of a release.
func (y *yard) project(n int) {
	y.t.Helper()
	for file, text := range chain(n) {
		path := filepath.Join(y.dir, file)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			y.t.Fatal(err)
		}
	}
}

// job begins a run of the workflow for the commit of a release and gives what a step
// of it finds in its environment.
func (y *yard) job(n int) map[string]string {
	y.t.Helper()
	run, err := y.hub.StartRun("promote.yml", "push", "main")
	if err == nil {
		err = y.hub.SetRun(run.ID, "in_progress", "")
	}
	if err != nil {
		y.t.Fatal(err)
	}
	files := y.t.TempDir()
	env := map[string]string{
		"CLOUDFLARE_API_BASE_URL": y.api, "CLOUDFLARE_API_TOKEN": apiToken, "CLOUDFLARE_ACCOUNT_ID": y.account.ID(), "PATH": os.Getenv("PATH"), "HOME": files,
		"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "tminus/app", "GITHUB_SHA": y.shas[n], "GITHUB_JOB": "promote", "GITHUB_RUN_ID": fmt.Sprint(run.ID), "GITHUB_RUN_ATTEMPT": "1",
		"GITHUB_SERVER_URL": y.web, "GITHUB_API_URL": y.web, "GITHUB_WORKSPACE": y.dir, "GITHUB_ACTOR": "octocat", "GITHUB_EVENT_NAME": "push",
		"INPUT_GITHUB-TOKEN": y.hub.WorkflowToken("checks:write", "deployments:write", "actions:read", "contents:read"),
	}
	for _, name := range []string{"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_STATE"} {
		env[name] = filepath.Join(files, name)
		if err := os.WriteFile(env[name], nil, 0o600); err != nil {
			y.t.Fatal(err)
		}
	}
	return env
}

// as is the environment of a job for the victim.
func (y *yard) as(env map[string]string) map[string]string {
	other := map[string]string{}
	for name, v := range env {
		other[name] = v
	}
	other["CLOUDFLARE_API_BASE_URL"], other["GITHUB_API_URL"] = y.apiOfVictim, y.webOfVictim
	return other
}

// over ends the run of a job.
func (y *yard) over(env map[string]string) {
	y.t.Helper()
	var id int64
	if _, err := fmt.Sscan(env["GITHUB_RUN_ID"], &id); err != nil {
		y.t.Fatal(err)
	}
	if err := y.hub.SetRun(id, "completed", "cancelled"); err != nil {
		y.t.Fatal(err)
	}
}

// run runs the program in this process as a step of a job, which ends with it.
func (y *yard) run(env map[string]string, args ...string) (int, string) {
	y.t.Helper()
	var out bytes.Buffer
	var environ []string
	for name, v := range env {
		environ = append(environ, name+"="+v)
	}
	p := program{args: args, lookup: lookupIn(env), environ: environ, out: &out, err: &out, size: func() (int, int) { return 100, 30 }}
	ctx, cancel := context.WithTimeout(y.t.Context(), time.Minute)
	defer cancel()
	code := p.main(ctx)
	if env["STATE_"+stateBegun] == "" {
		y.over(env)
	}
	return code, out.String()
}

// promoted promotes a release, which passes.
func (y *yard) promoted(n int) {
	y.t.Helper()
	y.project(n)
	if code, text := y.run(y.job(n), append([]string{"promote"}, y.common...)...); code != 0 {
		y.t.Fatalf("release %d: exit %d\n%s", n, code, text)
	}
}

// post is the post part of a job's step.
func (y *yard) post(env map[string]string) {
	y.t.Helper()
	after := y.as(env)
	after["GITHUB_API_URL"], after["CLOUDFLARE_API_BASE_URL"] = y.web, y.api
	after["STATE_"+stateBegun] = "true"
	if raw, err := os.ReadFile(env["GITHUB_STATE"]); err == nil && strings.Contains(string(raw), stateEnded) {
		after["STATE_"+stateEnded] = "true"
	}
	if code, text := y.run(after); code != 0 {
		y.t.Errorf("the post part: exit %d\n%s", code, text)
	}
}
