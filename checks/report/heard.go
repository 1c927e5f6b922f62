package report

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Heard is one invocation of a Worker, as a person follows it.
type Heard struct {
	Time time.Time
	// Worker is its name, on as many characters as the longest of those that are
	// followed has.
	Worker string
	Width  int
	// What it was invoked for, and what came of it.
	What, Outcome string
	// Failed: it ended badly.
	Failed bool
	Lines  []HeardLine
}

// HeardLine is something that an invocation wrote or threw. Level is debug, info, log,
// warn, error or frame.
type HeardLine struct{ Level, Text string }

// levelColor marks what was written by its weight.
var levelColor = map[string]string{"debug": dim, "info": blue, "warn": yellow, "error": red, "frame": dim}

// names are the colours by which several Workers are told apart.
var names = []string{"36", "35", "34", "33", "32", "96", "95", "94"}

// WriteHeard writes one invocation: a line with time, name, outcome and cause, and below
// it what was written and thrown.
func WriteHeard(w io.Writer, s Style, h Heard) {
	sum := 0
	for _, r := range h.Worker {
		sum += int(r)
	}
	mark := s.paint(green, pad(h.Outcome, 9))
	if h.Failed {
		mark = s.paint(red, pad(h.Outcome, 9))
	}
	fmt.Fprintf(w, "%s  %s  %s  %s\n", s.paint(dim, h.Time.UTC().Format("15:04:05Z")), s.paint(names[sum%len(names)], pad(h.Worker, h.Width)), mark, h.What)
	for _, l := range h.Lines {
		indent := "    " + pad(l.Level, 5) + " "
		if l.Level == "frame" {
			indent = "            at "
		}
		for line := range strings.Lines(l.Text) {
			fmt.Fprintf(w, "%s%s\n", indent, s.paint(levelColor[l.Level], strings.TrimRight(line, "\n")))
			indent = "          "
		}
	}
}
