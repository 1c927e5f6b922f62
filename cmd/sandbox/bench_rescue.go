package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub/hook"
)

// rescues is how often a rescue is measured.
const rescues = 7

// rescue is one release taken back by the server, counted from its delivery.
type rescue struct{ restored, verified time.Duration }

// benchRescue measures the time from the delivery of a failed deployment status until
// the webhook server has nine Workers back on the versions of before, and until health
// and smoke have said that they are well. Every answer of both APIs takes the latency.
func benchRescue(ctx context.Context, f benchFlags) error {
	s, err := openWatched(ctx, f.commonFlags, "--patience", "0s")
	if err != nil {
		return err
	}
	defer s.close()
	b := &benchmark{world: s.world}
	s.SetLatency(0)
	fmt.Fprintln(os.Stderr, "preparing: build, and a good release to production")
	if err := s.release(ctx, 0, "--prod-only"); err != nil {
		return err
	}
	if err := s.spoil("smoke-production"); err != nil {
		return err
	}
	var all []rescue
	for i := range rescues {
		fmt.Fprintf(os.Stderr, "taking nine Workers back, %d of %d\n", i+1, rescues)
		if err := b.touch(); err != nil {
			return err
		}
		r, err := s.rescue(ctx, f.Latency, i+1)
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	return printRescues(f.Latency, all)
}

// release promotes as a job that has to end with an exit code.
func (s *watched) release(ctx context.Context, code int, args ...string) error {
	j, cmd, err := s.job(ctx, append([]string{"promote"}, args...)...)
	if err != nil {
		return err
	}
	_ = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != code {
		return fmt.Errorf("the promotion ended with %d, not %d; see %s", got, code, s.dir)
	}
	return s.hub.SetRun(j.run, "completed", map[bool]string{true: "success", false: "failure"}[code == 0])
}

// rescue has a release fail whose deliveries are held back until all is ready to be
// measured.
func (s *watched) rescue(ctx context.Context, latency time.Duration, turn int) (rescue, error) {
	s.hub.Network(func(hook.Parcel) hook.Fate { return hook.Fate{Hold: true} })
	if err := s.release(ctx, 1, "--prod-only", "--skip-build", "--skip-migrations", "--on-failure", "stop"); err != nil {
		return rescue{}, err
	}
	s.SetLatency(latency)
	s.hub.SetLatency(latency)
	defer func() { s.SetLatency(0); s.hub.SetLatency(0) }()
	var r rescue
	began := time.Now()
	s.hub.Network(nil)
	s.hub.Release()
	for end := began.Add(2 * time.Minute); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(5 * time.Millisecond) {
		if r.restored == 0 && s.passed("Rollback production") == turn {
			r.restored = time.Since(began)
		}
		if s.passed("Smoke production") == turn {
			r.verified = time.Since(began)
			return r, nil
		}
	}
	return r, errors.Join(ctx.Err(), fmt.Errorf("the server has not taken the release back; see %s", s.guard.log))
}

// passed counts the server's check runs of a stage that have succeeded.
func (s *watched) passed(stage string) int {
	n := 0
	for _, r := range s.hub.Runs(s.hub.sha) {
		if strings.HasPrefix(r.Name, "Rollback · production") && strings.HasSuffix(r.Name, stage) && r.Conclusion == "success" {
			n++
		}
	}
	return n
}

func printRescues(latency time.Duration, all []rescue) error {
	fmt.Printf("\nlatency %s for every answer of Cloudflare's and GitHub's APIs, %d times\n\n", latency, len(all))
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FROM THE DELIVERY UNTIL\tMEDIAN\tFASTEST\tSLOWEST")
	for _, row := range []struct {
		name string
		of   func(rescue) time.Duration
	}{{"nine Workers are back", func(r rescue) time.Duration { return r.restored }}, {"health and smoke have passed", func(r rescue) time.Duration { return r.verified }}} {
		var took []time.Duration
		for _, r := range all {
			took = append(took, row.of(r))
		}
		slices.Sort(took)
		fmt.Fprintf(w, "%s\t%.2f s\t%.2f s\t%.2f s\n", row.name, took[len(took)/2].Seconds(), took[0].Seconds(), took[len(took)-1].Seconds())
	}
	return w.Flush()
}
