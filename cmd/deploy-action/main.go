// Command deploy-action promotes a monorepo of Cloudflare Workers through gated
// stages: build, then migrate, deploy, health and smoke on staging, then the same
// on production.
//
// It is the main of the action's container and the same for a person in a
// terminal. Every flag can also be given as an action's input, in a variable
// INPUT_<NAME>. It exits with 0 when everything passed, 1 when a gate closed, 2
// when it could not begin, and 130 when it was interrupted.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/term"
)

// The exit codes.
const (
	exitPassed      = 0
	exitClosed      = 1
	exitCannotBegin = 2
	exitInterrupted = 130
)

// version is the release of the program, set when it is built for one.
var version = "dev"

func main() {
	ctx, stop := interruptible(context.Background(), os.Stderr, os.Getenv("GITHUB_ACTIONS") == "true")
	defer stop()
	p := program{
		args: os.Args[1:], post: strings.HasSuffix(filepath.Base(os.Args[0]), "-post"), lookup: os.LookupEnv, environ: os.Environ(),
		out: os.Stdout, err: os.Stderr,
		terminal: term.IsTerminal(int(os.Stdout.Fd())),
		size:     func() (int, int) { return terminalSize(os.Stdout) },
	}
	code := p.main(ctx)
	stop()
	os.Exit(code)
}

var errInterrupted = errors.New("interrupted")

// interruptible gives a context that the first SIGINT or SIGTERM cancels, so that
// what is under way is undone or reported. The second one ends the program, but not
// in a runner: that sends both, one after the other, and then kills.
func interruptible(parent context.Context, w io.Writer, patient bool) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		s, ok := <-signals
		if !ok {
			return
		}
		more := "; once more ends at once"
		if patient {
			more = ""
		}
		fmt.Fprintf(w, "\n%s: ending what is under way%s\n", s, more)
		cancel(errInterrupted)
		for range signals {
			if !patient {
				os.Exit(exitInterrupted)
			}
		}
	}()
	done := false
	return ctx, func() {
		if !done {
			done = true
			signal.Stop(signals)
			close(signals)
			cancel(nil)
		}
	}
}

func terminalSize(f *os.File) (columns, rows int) {
	columns, rows, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 100, 30
	}
	return columns, rows
}
