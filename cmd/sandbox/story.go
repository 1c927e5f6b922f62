package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// buildBinary builds a command of this module.
func buildBinary(ctx context.Context, dir, name string) (string, error) {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return "", errors.New("the sandbox does not know where its sources are")
	}
	root := filepath.Join(filepath.Dir(file), "..", "..")
	binary := filepath.Join(dir, name)
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/"+name)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", name, err, out)
	}
	return binary, nil
}

// probing are the commands that ask Workers, and have to be told where they are.
var probing = []string{"promote", "validate", "smoke", "rollback"}

// deployAction is the real program, ready to be run against a world.
func (w *world) deployAction(ctx context.Context, binary string, args ...string) *exec.Cmd {
	full := append([]string{}, args...)
	full = append(full, "--project", w.dir)
	if len(args) > 0 && slices.Contains(probing, args[0]) {
		full = append(full, "--cacert", w.caFile())
		for _, value := range w.resolve() {
			full = append(full, "--resolve", value)
		}
	}
	cmd := exec.CommandContext(ctx, binary, full...)
	cmd.Env = w.env()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 3 * time.Minute // it may have something to put back
	return cmd
}

// ready opens a furnished world for a project, broken or not.
func ready(ctx context.Context, f commonFlags, breaks string) (*world, error) {
	w, err := copied(ctx, f, breaks != "")
	if err != nil || breaks == "" {
		return w, err
	}
	if err := w.spoil(breaks); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// copied opens a furnished world for a project, or for a copy that may be changed.
func copied(ctx context.Context, f commonFlags, copying bool) (*world, error) {
	if err := install(ctx, f.Project); err != nil {
		return nil, err
	}
	dir := f.Project
	if copying {
		made, err := os.MkdirTemp("", "sandbox-project-")
		if err != nil {
			return nil, err
		}
		from, err := filepath.Abs(f.Project)
		if err != nil {
			return nil, err
		}
		if err := copyProject(from, made); err != nil {
			return nil, err
		}
		dir = made
	}
	w, err := open(ctx, dir, f.Latency)
	if err != nil {
		return nil, err
	}
	w.copied = copying
	if err := w.furnish(); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// spoil makes one gate fail for real from now on.
func (w *world) spoil(gate string) error {
	d, err := findDefect(gate)
	if err != nil {
		return err
	}
	if d.edit != nil {
		if err := d.edit(w.dir); err != nil {
			return err
		}
	}
	if d.account != nil {
		return d.account(w)
	}
	return nil
}

// story runs the whole promotion from an empty account. A gate of production closes
// behind a release that serves already, so that there is something to go back to.
func story(ctx context.Context, f runFlags) error {
	if f.Break != "" {
		d, err := findDefect(f.Break)
		if err != nil {
			return err
		}
		fmt.Printf("broken on purpose: %s\n", d.what)
	}
	second := strings.HasSuffix(f.Break, "-production")
	opening := func() (*world, error) { return ready(ctx, f.commonFlags, f.Break) }
	if second {
		opening = func() (*world, error) { return copied(ctx, f.commonFlags, true) }
	}
	w, err := opening()
	if err != nil {
		return err
	}
	defer w.close()
	binary, err := buildBinary(ctx, w.tmp, "deploy-action")
	if err != nil {
		return err
	}
	fmt.Printf("an account of this process at %s, its Workers behind https://%s\n", w.API, w.Edge)
	var before []answer
	if second {
		before, err = w.goodRelease(ctx, binary)
		if err = errors.Join(err, w.spoil(f.Break)); err != nil {
			return err
		}
	}
	err = w.promote(ctx, binary, f)
	if second {
		if err := w.compare(before); err != nil {
			return err
		}
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exitCode(exit.ExitCode())
	}
	if err == nil && f.Break == "" {
		fmt.Print(next)
	}
	return err
}

// promote runs the program in the terminal, or as a job on GitHub.
func (w *world) promote(ctx context.Context, binary string, f runFlags) error {
	cmd := w.deployAction(ctx, binary, append([]string{"promote"}, trimDashes(f.Args)...)...)
	w.Forget()
	var err error
	if f.GitHub {
		err = w.asJob(ctx, cmd, f.Keep)
	} else {
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		err = cmd.Run()
	}
	fmt.Printf("\n%d calls of the API, %d of them writes\n", len(w.Calls()), len(w.Calls().Writes()))
	return err
}

// asJob runs the program as a step of a workflow, shows the repository as it
// changes, and says where log and summary are.
func (w *world) asJob(ctx context.Context, cmd *exec.Cmd, keep bool) error {
	kept, err := os.MkdirTemp("", "sandbox-job-")
	if err != nil {
		return err
	}
	h, err := openHub(kept)
	if err != nil {
		return err
	}
	defer h.close()
	j, err := h.job(w.dir)
	if err != nil {
		return err
	}
	cmd.Env = append(cmd.Env, j.env...)
	log, err := os.Create(filepath.Join(kept, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	fmt.Printf("the checks of the commit: %s\n\n", h.page())
	stop := h.watch(ctx, func(line string) { fmt.Println(line) })
	err = cmd.Run()
	stop()
	fmt.Printf("\n%d calls of GitHub's API; log %s, summary %s\n", len(h.Calls()), log.Name(), j.summary)
	if keep {
		fmt.Println("the repository stays up; end it with Ctrl-C")
		<-ctx.Done()
	}
	return err
}

func trimDashes(args []string) []string {
	if len(args) > 0 && args[0] == "--" {
		return args[1:]
	}
	return args
}

var next = strings.TrimLeft(`
What to try next:
  go run ./cmd/sandbox --break smoke-production   a gate that closes for real
  go run ./cmd/sandbox webhook                    a runner dies, and the webhook server takes its release back
  go run ./cmd/sandbox -- --dry-run               the plan, and nothing else
  go run ./cmd/sandbox serve                      keep the account up, and run deploy-action or wrangler against it
  go run ./cmd/sandbox bench --latency 150ms      against wrangler, in one run
`, "\n")
