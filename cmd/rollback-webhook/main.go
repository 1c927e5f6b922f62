// Command rollback-webhook is the server that takes a release back when its deployment
// fails. It receives GitHub's deliveries, records each with the work that follows from
// it in one transaction, and answers; the work is done from the record, by one server
// at a time for each environment, and again after a crash.
//
// It is configured by flags or variables, and refuses to start when something is
// missing; --check-config says what. It exits with 0 after a clean stop, 2 when it
// could not begin.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is the release of the program, set when it is built for one.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	code := run(ctx, os.Args[1:], slog.New(slog.NewJSONHandler(os.Stderr, nil)), func(address string) {})
	stop()
	os.Exit(code)
}

// run is the program. The listening address is handed to ready.
func run(ctx context.Context, args []string, log *slog.Logger, ready func(address string)) int {
	var c config
	k, err := kong.New(&c, kong.Name("rollback-webhook"), kong.Vars{"version": version}, kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Description("Takes a release back when its deployment on GitHub fails."))
	if err != nil {
		log.Error("the program is broken", "error", err.Error())
		return 2
	}
	if _, err := k.Parse(args); err != nil {
		fmt.Fprintf(os.Stderr, "rollback-webhook: %s\n", err)
		return 2
	}
	c.tokens = readTokens(os.Getenv)
	if err := c.check(); err != nil {
		for _, one := range joined(err) {
			fmt.Fprintf(os.Stderr, "rollback-webhook: %s\n", one)
		}
		return 2
	}
	if c.CheckConfig {
		fmt.Println("the configuration is complete")
		return 0
	}
	if err := serve(ctx, c, log, ready); err != nil {
		log.Error("stopped", "error", err.Error())
		return 2
	}
	return 0
}

// joined are the parts of an error.
func joined(err error) []error {
	if all, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err); ok {
		return all.Unwrap()
	}
	return []error{err}
}
