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
	"runtime/debug"
	"syscall"
)

// version is the release of the program, set when it is built for one.
var version = "dev"

func main() {
	spare(os.LookupEnv)
	ctx, stop := stoppable()
	code := run(ctx, os.Args[1:], nil, func(string) {})
	stop()
	os.Exit(code)
}

// What the collector of garbage is told. It may leave four times of what is in use lying
// about, so that it hardly ever runs while deliveries come, and a delivery does not wait
// for it; from room bytes on, it runs as often as it must.
const (
	idle = 400
	room = 64 << 20
)

// spare tells it, unless whoever runs the server has said something else in GOGC or
// GOMEMLIMIT. Source: pkg.go.dev/runtime, environment variables.
func spare(lookup func(string) (string, bool)) {
	_, percent := lookup("GOGC")
	_, limit := lookup("GOMEMLIMIT")
	if !percent && !limit {
		debug.SetGCPercent(idle)
		debug.SetMemoryLimit(room)
	}
}

// stoppable is a context that ends with the first signal to stop. The second ends the
// program at once; what was under way is taken up again by the next.
func stoppable() (context.Context, context.CancelFunc) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(1)
	}()
	return ctx, cancel
}

// run is the program. Without a log it makes the one that is configured. The listening
// address is handed to ready.
func run(ctx context.Context, args []string, log *slog.Logger, ready func(address string)) int {
	c, err := configure(args, os.LookupEnv)
	if c.Health && err == nil {
		return c.health(ctx)
	}
	if c.origins != nil {
		err = errors.Join(err, c.check())
	}
	if err != nil {
		for _, one := range joined(err) {
			fmt.Fprintf(os.Stderr, "rollback-webhook: %s\n", c.redactor().Redact(one.Error()))
		}
		return 2
	}
	switch {
	case c.CheckConfig || c.SendTest || c.Try:
		if c.CheckConfig {
			c.show(os.Stdout)
		}
		if c.Try {
			if code := c.tried(ctx, os.Stdout); code != 0 {
				return code
			}
		}
		if c.SendTest {
			return c.sendTest(ctx, os.Stdout)
		}
		return 0
	case log == nil:
		log = c.logger(os.Stderr)
	}
	if err := newServer(c, log).serve(ctx, ready); err != nil {
		log.Error("stopped", "error", err.Error())
		return 2
	}
	return 0
}

// joined are the parts of an error, and their parts.
func joined(err error) []error {
	all, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var parts []error
	for _, one := range all.Unwrap() {
		parts = append(parts, joined(one)...)
	}
	return parts
}
