package main

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"
	"time"
)

// slowly is how long every answer of a GitHub in trouble takes.
const slowly = 2 * time.Second

// shown is one promotion as it looked from GitHub.
type shown struct {
	name  string
	took  time.Duration
	calls int // of GitHub
}

// benchGitHub measures what it costs that a promotion of changed code is seen on
// GitHub: without GitHub, with a quick one, and with one whose answers take 2 s.
func benchGitHub(ctx context.Context, f benchFlags) error {
	w, binary, err := benchWorld(ctx, f)
	if err != nil {
		return err
	}
	defer w.close()
	b := &benchmark{world: w, binary: binary, latency: f.Latency}
	fmt.Fprintln(os.Stderr, "preparing: build, and a first release")
	if out, err := b.deployAction(ctx, b.binary, "promote").CombinedOutput(); err != nil {
		return fmt.Errorf("the first release: %w\n%s", err, out)
	}
	b.SetLatency(b.latency)
	h, err := openHub(w.tmp)
	if err != nil {
		return err
	}
	defer h.close()
	var all []shown
	for _, one := range []struct {
		name    string
		github  bool
		latency time.Duration
	}{{"without GitHub", false, 0}, {"GitHub that answers at once", true, 0}, {"GitHub that takes 2 s for each answer", true, slowly}} {
		fmt.Fprintln(os.Stderr, "promoting nine Workers, "+one.name)
		h.SetLatency(one.latency)
		s, err := b.promoted(ctx, h, one.github)
		if err != nil {
			return err
		}
		s.name = one.name
		all = append(all, s)
	}
	return printShown(b.latency, all)
}

// promoted promotes changed code, as a job on GitHub or in a terminal.
func (b *benchmark) promoted(ctx context.Context, h *hub, github bool) (shown, error) {
	if err := b.touch(); err != nil {
		return shown{}, err
	}
	h.Forget()
	cmd := b.deployAction(ctx, b.binary, "promote", "--skip-build", "--skip-migrations")
	if github {
		j, err := h.job(b.dir)
		if err != nil {
			return shown{}, err
		}
		cmd.Env = append(cmd.Env, j.env...)
		defer func() { _ = h.SetRun(j.run, "completed", "success") }()
	}
	begin := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return shown{}, fmt.Errorf("deploy-action: %w\n%s", err, out)
	}
	return shown{took: time.Since(begin), calls: len(h.Calls())}, h.closed()
}

// closed finds what was left open.
func (h *hub) closed() error {
	for _, r := range h.Runs(h.sha) {
		if r.Status != "completed" {
			return fmt.Errorf("%s was left open", r.Name)
		}
	}
	for _, d := range h.Deployments("") {
		if d.State != "success" && d.State != "inactive" {
			return fmt.Errorf("the deployment to %s is %q", d.Environment, d.State)
		}
	}
	return nil
}

func printShown(latency time.Duration, all []shown) error {
	fmt.Printf("\nlatency %s for every answer of Cloudflare's API\n\n", latency)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PROMOTION OF CHANGED CODE\tTIME\tADDED\tGITHUB CALLS")
	for _, s := range all {
		added := ""
		if s.calls > 0 {
			added = fmt.Sprintf("%+.2f s", (s.took - all[0].took).Seconds())
		}
		fmt.Fprintf(w, "%s\t%.2f s\t%s\t%d\n", s.name, s.took.Seconds(), added, s.calls)
	}
	return w.Flush()
}
