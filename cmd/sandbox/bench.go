package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tminus/deploy-action/runner/build"
	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/project"
)

// measured is one side of a comparison.
type measured struct {
	name       string
	took       time.Duration
	calls      int
	writes     int
	roundTrips int
	memory     int64 // bytes at the peak, if known
}

// bench measures, one after the other on the same account: nine bundles, the
// staging deploy of changed code, and the staging deploy of unchanged code, by
// this product and by wrangler in the runbook's loop.
func bench(ctx context.Context, f benchFlags) error {
	w, binary, err := benchWorld(ctx, f)
	if err != nil {
		return err
	}
	defer w.close()
	b := &benchmark{world: w, binary: binary, latency: f.Latency}
	for _, step := range []func(context.Context) error{b.prepare, b.bundles, b.changed, b.unchanged} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return b.print(os.Stdout)
}

// benchWorld is a world around a copy of the project, because its code is
// changed between the runs.
func benchWorld(ctx context.Context, f benchFlags) (*world, string, error) {
	if err := install(ctx, f.Project); err != nil {
		return nil, "", err
	}
	from, err := filepath.Abs(f.Project)
	if err != nil {
		return nil, "", err
	}
	copied, err := os.MkdirTemp("", "sandbox-bench-")
	if err != nil {
		return nil, "", err
	}
	if err := copyProject(from, copied); err != nil {
		return nil, "", err
	}
	w, err := open(ctx, copied, 0)
	if err != nil {
		return nil, "", err
	}
	w.copied = true
	if err := w.furnish(); err != nil {
		w.close()
		return nil, "", err
	}
	binary, err := buildBinary(ctx, w.tmp, "deploy-action")
	return w, binary, err
}

// benchmark is one measurement on its way.
type benchmark struct {
	*world
	binary  string
	latency time.Duration
	rows    [][2]measured
	titles  []string
	turn    int
}

func (b *benchmark) add(title string, ours, theirs measured) {
	b.titles = append(b.titles, title)
	b.rows = append(b.rows, [2]measured{ours, theirs})
}

// prepare builds the project and brings a first release to staging, so that
// everything exists.
func (b *benchmark) prepare(ctx context.Context) error {
	fmt.Fprintln(os.Stderr, "preparing: build, and a first release on staging")
	cmd := b.deployAction(ctx, b.binary, "promote", "--stage-only", "--skip-smoke")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("the first release: %w\n%s", err, out)
	}
	b.SetLatency(b.latency)
	return nil
}

// touch changes the code of every Worker, so that no version is like the one
// before.
func (b *benchmark) touch() error {
	b.turn++
	for _, w := range b.loaded.Workers {
		main := filepath.Join(b.dir, w.Dir, filepath.FromSlash(w.File.Top.Module.Main.V))
		old, err := os.ReadFile(main)
		if err != nil {
			return err
		}
		text, _, _ := strings.Cut(string(old), "\n// bench")
		text += fmt.Sprintf("\n// bench\n(globalThis as Record<string, unknown>)[\"bench\"] = %d;\n", b.turn)
		if err := os.WriteFile(main, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// bundles compares nine bundles of ours with nine dry runs of wrangler.
func (b *benchmark) bundles(ctx context.Context) error {
	t, err := b.loaded.In("staging")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "bundling nine Workers in this process")
	begin := time.Now()
	if err := bundleAll(ctx, b.dir, t, b.env()); err != nil {
		return err
	}
	ours := measured{name: "esbuild in process", took: time.Since(begin)}
	fmt.Fprintln(os.Stderr, "bundling nine Workers with wrangler deploy --dry-run")
	begin = time.Now()
	for _, s := range t.Scripts {
		if err := b.wrangler(ctx, s.Dir, "deploy", "--env", "staging", "--dry-run", "--outdir", filepath.Join(b.tmp, "dry", s.Worker)); err != nil {
			return err
		}
	}
	b.add("bundle nine Workers", ours, measured{name: "wrangler deploy --dry-run", took: time.Since(begin)})
	return nil
}

func bundleAll(ctx context.Context, dir string, t project.Target, env []string) error {
	var targets []bundle.Target
	for _, s := range t.Scripts {
		targets = append(targets, build.Options(dir, s).Target)
	}
	unenv, err := bundle.ReadUnenv(ctx, env, targets, dir)
	if err != nil {
		return err
	}
	for i, s := range t.Scripts {
		o := build.Options(dir, s)
		if o.Target.Polyfilled() {
			o.Target.Unenv = unenv[i]
		}
		if _, err := bundle.Build(o); err != nil {
			return fmt.Errorf("%s: %w", s.Worker, err)
		}
	}
	return nil
}

// wrangler runs the project's own wrangler in a Worker's folder.
func (b *benchmark) wrangler(ctx context.Context, dir string, args ...string) error {
	home := bundle.WranglerDir(b.dir)
	if home == "" {
		return bundle.ErrNoWrangler
	}
	cmd := exec.CommandContext(ctx, "node", append([]string{filepath.Join(home, "bin", "wrangler.js")}, args...)...)
	cmd.Dir = filepath.Join(b.dir, dir)
	cmd.Env = append(b.env(), "CI=1", "WRANGLER_SEND_METRICS=false", "WRANGLER_HIDE_BANNER=true", "HOME="+b.tmp, "XDG_CONFIG_HOME="+b.tmp)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("wrangler %s in %s: %w\n%s", strings.Join(args, " "), dir, err, out)
	}
	return nil
}

// changed compares the staging deploy of changed code.
func (b *benchmark) changed(ctx context.Context) error {
	return b.compare(ctx, "deploy nine Workers, code changed", b.touch)
}

// unchanged compares the staging deploy of code that is live already.
func (b *benchmark) unchanged(ctx context.Context) error {
	return b.compare(ctx, "deploy nine Workers, nothing changed", func() error { return nil })
}

// compare runs wrangler's loop and then ours, each after the same preparation.
// Ours comes last, so that what is live is ours when nothing changes next.
func (b *benchmark) compare(ctx context.Context, title string, before func() error) error {
	if title == "deploy nine Workers, nothing changed" {
		// Ours first: what is live is the last release of ours.
		ours, err := b.ours(ctx)
		if err != nil {
			return err
		}
		theirs, err := b.theirs(ctx)
		b.add(title, ours, theirs)
		return err
	}
	if err := before(); err != nil {
		return err
	}
	theirs, err := b.theirs(ctx)
	if err != nil {
		return err
	}
	if err := before(); err != nil {
		return err
	}
	ours, err := b.ours(ctx)
	b.add(title, ours, theirs)
	return err
}

// theirs is the runbook's loop: wrangler deploy in each folder, in deploy order.
func (b *benchmark) theirs(ctx context.Context) (measured, error) {
	fmt.Fprintln(os.Stderr, "deploying nine Workers with wrangler, one after another")
	t, err := b.loaded.In("staging")
	if err != nil {
		return measured{}, err
	}
	b.Forget()
	begin := time.Now()
	for _, s := range t.Scripts {
		if err := b.wrangler(ctx, s.Dir, "deploy", "--env", "staging"); err != nil {
			return measured{}, err
		}
	}
	return b.count(measured{name: "wrangler deploy, one by one", took: time.Since(begin)}), nil
}

// ours runs the real program, from its start to the end of the deploy stage:
// checks, bundling, uploads, switches and triggers. What it does beyond wrangler,
// asking the Workers for their health, is not counted.
func (b *benchmark) ours(ctx context.Context) (measured, error) {
	fmt.Fprintln(os.Stderr, "deploying nine Workers with deploy-action")
	b.Forget()
	cmd := b.deployAction(ctx, b.binary, "promote", "--format", "json", "--stage-only", "--skip-build", "--skip-migrations", "--skip-smoke")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return measured{}, err
	}
	cmd.Stderr = os.Stderr
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return measured{}, err
	}
	m := measured{name: "deploy-action"}
	var said strings.Builder
	for lines := bufio.NewScanner(io.TeeReader(pipe, &said)); lines.Scan(); {
		var e struct{ Event, Step, Verdict string }
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.Event == "finished" && e.Step == "deploy-staging" {
			m.took = time.Since(begin)
			m = b.count(m)
		}
	}
	if err := cmd.Wait(); err != nil {
		return m, fmt.Errorf("deploy-action: %w\n%s", err, said.String())
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		m.memory = usage.Maxrss << 10
	}
	return m, nil
}

// count takes the calls since they were last forgotten.
func (b *benchmark) count(m measured) measured {
	calls := b.Calls()
	m.calls, m.writes, m.roundTrips = len(calls), len(calls.Writes()), calls.RoundTrips()
	return m
}
