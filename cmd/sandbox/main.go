// Command sandbox runs the whole story on this machine, with no account: a
// Cloudflare account in this process, the uploaded Workers in real workerd, and
// the real deploy-action as a child process that cannot tell the difference.
//
//	go run ./cmd/sandbox                          promotes the bundled monorepo
//	go run ./cmd/sandbox --break smoke-production the same, with one gate that fails for real
//	go run ./cmd/sandbox --github                 the same as a job on GitHub: its check runs as they change
//	go run ./cmd/sandbox webhook                  a job dies, and the webhook server takes its release back
//	go run ./cmd/sandbox serve                    keeps the account up for other terminals
//	go run ./cmd/sandbox bench --latency 150ms    measures against wrangler in one run
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

type flags struct {
	Run     runFlags     `cmd:"" default:"withargs" help:"Promote a project from an empty account and show it stage by stage. This is the default."`
	Serve   serveFlags   `cmd:"" help:"Keep the account and its Workers up, and print how to reach them."`
	Webhook webhookFlags `cmd:"" help:"Have a job die in the middle of a release to production, and the webhook server take the release back."`
	Bench   benchFlags   `cmd:"" help:"Measure, in one run: the staging deploy against wrangler's, or what GitHub costs."`
}

type commonFlags struct {
	Project string        `default:"testdata/projects/tminus" placeholder:"DIR" help:"The repository to be promoted."`
	Latency time.Duration `placeholder:"TIME" help:"How long every answer of the account takes at least, such as 150ms."`
}

type runFlags struct {
	commonFlags
	GitHub bool     `name:"github" help:"Run it as a job on GitHub, against a repository of this process, and show check runs and deployments as they change."`
	Keep   bool     `help:"With --github: keep the repository up afterwards, so that its pages can be looked at."`
	Break  string   `placeholder:"GATE" help:"Make one gate fail for real: build, migrate-staging, deploy-staging, health-staging, smoke-staging, or the same of production."`
	Args   []string `arg:"" optional:"" passthrough:"" help:"Flags for deploy-action, after --."`
}

type serveFlags struct {
	commonFlags
	Empty bool `help:"Leave the account empty, and make a copy of the project that has placeholders in the place of ids, for the first-time setup."`
}

type benchFlags struct {
	commonFlags
	What string `arg:"" enum:"deploy,rollback,github,rescue,webhook" default:"deploy" help:"deploy and rollback: against wrangler's in the runbook's loop; github: what it costs to be seen there; rescue: how long the webhook server takes; webhook: its deliveries, against two other servers."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var f flags
	k := kong.Parse(&f, kong.Name("sandbox"), kong.Description("The whole story on this machine, with no account."), kong.UsageOnError())
	var err error
	switch k.Command() {
	case "serve":
		err = serve(ctx, f.Serve)
	case "webhook":
		err = webhookStory(ctx, f.Webhook)
	case "bench", "bench <what>":
		err = map[string]func(context.Context, benchFlags) error{"deploy": bench, "rollback": benchRollback, "github": benchGitHub, "rescue": benchRescue, "webhook": benchWebhook}[f.Bench.What](ctx, f.Bench)
	default:
		err = story(ctx, f.Run)
	}
	stop()
	if exit, ok := errors.AsType[exitCode](err); ok {
		os.Exit(int(exit))
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "sandbox: %s\n", err)
		os.Exit(2)
	}
}

// exitCode is the child's exit code, handed on.
type exitCode int

// Error implements error.
func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }
