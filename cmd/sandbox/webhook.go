package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub"
)

type webhookFlags struct {
	commonFlags
	Keep bool `help:"Keep the server and the repository up afterwards, so that their pages can be looked at."`
}

// watched is a world with a repository on GitHub that the webhook server looks after.
type watched struct {
	*world
	hub   *hub
	guard *guard
	// action is the program that promotes, dir where logs and summaries are.
	action, dir string
}

// webhookStory has a job die in the middle of a release to production, and shows how
// the server takes the release back.
func webhookStory(ctx context.Context, f webhookFlags) error {
	s, err := openWatched(ctx, f.commonFlags, "--grace", "1s")
	if err != nil {
		return err
	}
	defer s.close()
	stop := s.hub.watch(ctx, func(line string) { fmt.Println(line) })
	defer stop()
	fmt.Println("\nfirst, a good release goes to staging and production")
	j, cmd, err := s.job(ctx, "promote")
	if err != nil {
		return err
	}
	err = cmd.Wait()
	if err = errors.Join(err, s.hub.SetRun(j.run, "completed", "success")); err != nil {
		return fmt.Errorf("the good release: %w; see %s", err, s.dir)
	}
	before, err := s.asked()
	if err = errors.Join(err, s.spoil("smoke-production")); err != nil {
		return err
	}
	fmt.Println("\nthen a release with which nobody can log in, whose runner dies as soon as it serves")
	died, err := s.dies(ctx)
	if err != nil {
		return err
	}
	if err := s.rescued(ctx); err != nil {
		return err
	}
	took := time.Since(died)
	stop()
	fmt.Printf("\nfrom the runner's death to production verified: %s; the server's log: %s\n", took.Round(100*time.Millisecond), s.guard.log)
	if err := s.compare(before); err != nil {
		return err
	}
	if f.Keep {
		fmt.Printf("the server's page: http://%s/\nend it with Ctrl-C\n", s.guard.address)
		<-ctx.Done()
	}
	return nil
}

// openWatched opens the world, the repository and the server with more flags.
func openWatched(ctx context.Context, f commonFlags, more ...string) (*watched, error) {
	w, err := copied(ctx, f, true)
	if err != nil {
		return nil, err
	}
	s := &watched{world: w}
	if err := s.open(ctx, more); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *watched) open(ctx context.Context, more []string) error {
	var err error
	if s.dir, err = os.MkdirTemp("", "sandbox-webhook-"); err != nil {
		return err
	}
	if s.hub, err = openHub(s.dir); err != nil {
		return err
	}
	if err := s.hub.configure(s.world.dir); err != nil {
		return err
	}
	if s.action, err = buildBinary(ctx, s.tmp, "deploy-action"); err != nil {
		return err
	}
	server, err := buildBinary(ctx, s.tmp, "rollback-webhook")
	if err != nil {
		return err
	}
	if s.guard, err = s.world.guard(s.hub, server, filepath.Join(s.dir, "server.db"), filepath.Join(s.dir, "server.log"), more...); err != nil {
		return err
	}
	s.hub.Hook("http://"+s.guard.address+"/webhook", hookSecret, "deployment_status", "workflow_run")
	fmt.Printf("an account of this process at %s, a repository at %s,\nthe webhook server at http://%s\n", s.API, s.hub.page(), s.guard.address)
	return nil
}

// close ends what was opened.
func (s *watched) close() {
	if s.guard != nil {
		if err := s.guard.stop(); err != nil {
			fmt.Fprintf(os.Stderr, "sandbox: the server: %s\n", err)
		}
	}
	if s.hub != nil {
		s.hub.close()
	}
	s.world.close()
}

// job starts the program as a job of a workflow, with its log in a file.
func (s *watched) job(ctx context.Context, args ...string) (job, *exec.Cmd, error) {
	j, err := s.hub.job(s.world.dir)
	if err != nil {
		return j, nil, err
	}
	cmd := s.deployAction(ctx, s.action, args...)
	cmd.Env = append(cmd.Env, j.env...)
	log, err := os.Create(filepath.Join(filepath.Dir(j.output), "log"))
	if err != nil {
		return j, nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	return j, cmd, cmd.Start()
}

// dies promotes until production serves the new release and nobody has judged it yet,
// and kills the runner then. It tells when that was.
func (s *watched) dies(ctx context.Context) (time.Time, error) {
	j, cmd, err := s.job(ctx, "promote", "--prod-only", "--skip-build")
	if err != nil {
		return time.Time{}, err
	}
	asking := func(r fakegithub.Run) bool {
		return strings.HasSuffix(r.Name, "Health production") && r.Status == "in_progress"
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end) && ctx.Err() == nil && !slices.ContainsFunc(s.hub.Runs(s.hub.sha), asking); time.Sleep(5 * time.Millisecond) {
	}
	died := time.Now()
	err = cmd.Process.Kill()
	_ = cmd.Wait()
	fmt.Println("\nthe runner is dead: the release serves, and nobody judges it")
	return died, errors.Join(err, s.hub.SetRun(j.run, "completed", "cancelled"))
}

// rescued waits until a rollback of production has succeeded.
func (s *watched) rescued(ctx context.Context) error {
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		for _, d := range s.hub.Deployments("production") {
			if d.Task == "rollback" && d.State == "success" {
				return nil
			}
		}
	}
	said, err := os.ReadFile(s.guard.log)
	return errors.Join(ctx.Err(), err, fmt.Errorf("the server has not taken the release back; its log:\n%s", said))
}
