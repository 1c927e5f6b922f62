package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub"
)

// hub is a repository on GitHub in this process, and what a runner of its
// workflows gives to a step.
type hub struct {
	*fakegithub.Server
	url    string // of the pages; the API is the same
	token  string
	sha    string
	dir    string // the runner's files
	server *http.Server
	jobs   int
}

// The permissions of a job that promotes, as the README asks for them.
var promoting = []string{"contents:read", "checks:write", "deployments:write", "actions:read", "pull-requests:write"}

// openHub starts a repository with one commit. Its files go into a directory.
func openHub(dir string) (*hub, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &hub{Server: fakegithub.New(fakegithub.Options{Owner: "tminus", Repo: "app"}), url: "http://" + l.Addr().String(), dir: dir}
	h.Reached(h.url)
	h.sha = h.Commit("main", "A release", map[string]string{".github/workflows/promote.yml": "name: promote\non: push\njobs: {}\n"})
	h.token = h.WorkflowToken(promoting...)
	h.server = &http.Server{Handler: h.Server, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := h.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintf(os.Stderr, "sandbox: the repository: %s\n", err)
		}
	}()
	return h, nil
}

// configure commits what a project's configuration says, which the webhook server reads
// in the repository.
func (h *hub) configure(dir string) error {
	files := map[string]string{}
	for _, pattern := range []string{"tminus.yaml", "workers/*/wrangler.toml", "wrangler-d1.toml"} {
		found, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
		if err != nil {
			return err
		}
		for _, path := range found {
			name, err := filepath.Rel(dir, path)
			if err != nil {
				return err
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			files[filepath.ToSlash(name)] = string(content)
		}
	}
	h.sha = h.Commit("main", "The configuration", files)
	return nil
}

func (h *hub) close() {
	h.server.Close()
	h.Close()
}

// page is the address of the commit's checks, for a browser.
func (h *hub) page() string { return h.url + "/" + h.FullName() + "/commit/" + h.sha + "/checks" }

// job is one run of a workflow as a step sees it: its variables, and the files
// into which it writes.
type job struct {
	run             int64
	env             []string
	output, summary string // paths
	state           string
}

// job begins a run of a workflow in a workspace.
func (h *hub) job(workspace string, more ...string) (job, error) {
	h.jobs++
	dir := filepath.Join(h.dir, fmt.Sprintf("job-%d", h.jobs))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return job{}, err
	}
	j := job{output: filepath.Join(dir, "output"), summary: filepath.Join(dir, "summary.md"), state: filepath.Join(dir, "state")}
	event := filepath.Join(dir, "event.json")
	for path, content := range map[string]string{j.output: "", j.summary: "", j.state: "", event: `{"ref":"refs/heads/main"}`} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return job{}, err
		}
	}
	run, err := h.StartRun("promote.yml", "push", "main")
	if err != nil {
		return job{}, err
	}
	if err := h.SetRun(run.ID, "in_progress", ""); err != nil {
		return job{}, err
	}
	j.run = run.ID
	j.env = append([]string{
		"GITHUB_ACTIONS=true", "CI=true", "GITHUB_REPOSITORY=" + h.FullName(), "GITHUB_SHA=" + h.sha, "GITHUB_REF=refs/heads/main", "GITHUB_EVENT_NAME=push",
		"GITHUB_ACTOR=octocat", "GITHUB_JOB=promote", fmt.Sprintf("GITHUB_RUN_ID=%d", run.ID), "GITHUB_RUN_ATTEMPT=1",
		"GITHUB_SERVER_URL=" + h.url, "GITHUB_API_URL=" + h.url, "GITHUB_EVENT_PATH=" + event, "GITHUB_WORKSPACE=" + workspace,
		"GITHUB_OUTPUT=" + j.output, "GITHUB_STEP_SUMMARY=" + j.summary, "GITHUB_STATE=" + j.state, "INPUT_GITHUB-TOKEN=" + h.token, "INPUT_PAYLOAD-KEY=" + payloadKey,
	}, more...)
	return j, nil
}

// outputs reads what the step gave to later steps.
func (j job) outputs() (map[string]string, error) { return values(j.output) }

// values reads what a step wrote into one of the runner's files.
func values(path string) (map[string]string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	lines := strings.Split(string(raw), "\n")
	for i := 0; i < len(lines); i++ {
		name, end, ok := strings.Cut(lines[i], "<<")
		if !ok {
			continue
		}
		var value []string
		for i++; i < len(lines) && lines[i] != end; i++ {
			value = append(value, lines[i])
		}
		all[name] = strings.Join(value, "\n")
	}
	return all, nil
}

// watch prints check runs and deployments of the repository as they change, until
// it is told to stop, and then once more.
func (h *hub) watch(ctx context.Context, print func(line string)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	shown := map[string]string{}
	look := func() {
		for _, r := range h.Runs(h.sha) {
			state := r.Status
			if r.Conclusion != "" {
				state = r.Conclusion
			}
			key, line := fmt.Sprint("run ", r.ID), fmt.Sprintf("  %-34s %-12s %s", r.Name, state, r.Title)
			if shown[key] != line {
				shown[key] = line
				print(line)
			}
		}
		for _, d := range h.Deployments("") {
			for i, s := range d.Statuses {
				key, line := fmt.Sprint("deployment ", d.ID, " ", i), fmt.Sprintf("  %-34s %-12s %s", fmt.Sprintf("deployment %d to %s", d.ID, d.Environment), s.State, s.Description)
				if shown[key] == "" {
					shown[key] = line
					print(line)
				}
			}
		}
	}
	done.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-tick.C:
				look()
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
		look()
	}
}
