package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// benchRollback measures, one after the other on the same account, how long it takes
// until nine Workers serve again what they served before: by this product, and by
// wrangler in the runbook's loop.
func benchRollback(ctx context.Context, f benchFlags) error {
	w, binary, err := benchWorld(ctx, f)
	if err != nil {
		return err
	}
	defer w.close()
	b := &benchmark{world: w, binary: binary, latency: f.Latency}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	theirs, err := b.rolledBack(ctx, b.wranglerBack)
	if err != nil {
		return err
	}
	ours, err := b.rolledBack(ctx, b.oursBack)
	if err != nil {
		return err
	}
	b.add("put nine Workers back", ours, theirs)
	return b.print(os.Stdout)
}

// rolledBack releases changed code on staging and has it taken back.
func (b *benchmark) rolledBack(ctx context.Context, back func(context.Context) (measured, error)) (measured, error) {
	b.SetLatency(0)
	if err := b.touch(); err != nil {
		return measured{}, err
	}
	if out, err := b.deployAction(ctx, b.binary, "promote", "--stage-only", "--skip-build", "--skip-migrations", "--skip-smoke").CombinedOutput(); err != nil {
		return measured{}, fmt.Errorf("a release to be taken back: %w\n%s", err, out)
	}
	b.SetLatency(b.latency)
	b.Forget()
	return back(ctx)
}

// oursBack is counted from the start of the program to the end of its rollback
// stage. Asking the Workers for their health, which wrangler does not, is left out.
func (b *benchmark) oursBack(ctx context.Context) (measured, error) {
	fmt.Fprintln(os.Stderr, "taking nine Workers back with deploy-action")
	cmd := b.deployAction(ctx, b.binary, "rollback", "--env", "staging", "--format", "json", "--skip-smoke")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return measured{}, err
	}
	cmd.Stderr = os.Stderr
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return measured{}, err
	}
	m := measured{name: "deploy-action rollback"}
	var said strings.Builder
	for lines := bufio.NewScanner(io.TeeReader(pipe, &said)); lines.Scan(); {
		var e struct{ Event, Step, Verdict string }
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.Event == "finished" && e.Step == "rollback-staging" {
			m.took = time.Since(begin)
			m = b.count(m)
		}
	}
	if err := cmd.Wait(); err != nil || m.writes < 9 {
		return m, fmt.Errorf("deploy-action rollback: %v, %d writes\n%s", err, m.writes, said.String())
	}
	return m, nil
}

// wranglerBack is the runbook's loop in the runbook's order, with the right names.
func (b *benchmark) wranglerBack(ctx context.Context) (measured, error) {
	fmt.Fprintln(os.Stderr, "taking nine Workers back with wrangler, one after another")
	t, err := b.loaded.In("staging")
	if err != nil {
		return measured{}, err
	}
	begin := time.Now()
	for _, s := range slices.Backward(t.Scripts) {
		if err := b.wrangler(ctx, s.Dir, "rollback", "--name", s.Name, "--message", "bench", "--yes"); err != nil {
			return measured{}, err
		}
	}
	return b.count(measured{name: "wrangler rollback, one by one", took: time.Since(begin)}), nil
}
