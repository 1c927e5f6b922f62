package report

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/tminus/deploy-action/runner/pipeline"
)

// Board is an observer for a terminal: what is done scrolls up as [Lines] writes
// it, and below it stands what is running and what is still to come, redrawn in
// place. It must be closed when the run is over.
type Board struct {
	W     io.Writer
	Style Style
	// Size tells the terminal's columns and rows.
	Size    func() (columns, rows int)
	Verbose bool

	mu      sync.Mutex
	lines   *Lines
	steps   []pipeline.PlannedStep
	state   map[string]pipeline.Verdict
	current string
	running []*runningTask
	ended   int // tasks of the current step that have ended
	begun   time.Time
	drawn   int // lines of the live part on the screen
	stop    chan struct{}
	stopped sync.WaitGroup
}

type runningTask struct {
	title string
	begun time.Time
	said  string
}

// redraw is how often the clock on the board moves.
const redraw = 200 * time.Millisecond

// Observe implements pipeline.Observer.
func (b *Board) Observe(ctx context.Context, e pipeline.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.erase()
	b.note(e)
	err := b.lines.Observe(ctx, e)
	if _, over := e.(pipeline.Ended); !over {
		b.draw()
	}
	return err
}

// note keeps what the live part shows.
func (b *Board) note(e pipeline.Event) {
	switch e := e.(type) {
	case pipeline.Planned:
		b.lines = &Lines{W: b.W, Style: b.Style, Verbose: b.Verbose}
		b.steps, b.state = e.Steps, map[string]pipeline.Verdict{}
		b.start()
	case pipeline.Started:
		if e.Task == "" {
			b.current, b.running, b.ended, b.begun = e.Step, nil, 0, e.Time
			return
		}
		b.running = append(b.running, &runningTask{title: e.Task, begun: e.Time})
	case pipeline.Said:
		for _, t := range b.running {
			if t.title == e.Task {
				t.said = e.Line
			}
		}
	case pipeline.Did:
		b.ended++
		for i, t := range b.running {
			if t.title == e.Task {
				b.running = append(b.running[:i], b.running[i+1:]...)
				break
			}
		}
	case pipeline.Finished:
		b.state[e.Step] = e.Verdict
		if b.current == e.Step {
			b.current = ""
		}
	case pipeline.Ended:
		b.halt()
	}
}

// start lets the clock move until halt.
func (b *Board) start() {
	stop := make(chan struct{})
	b.stop = stop
	b.stopped.Go(func() {
		tick := time.NewTicker(redraw)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				b.mu.Lock()
				b.erase()
				b.draw()
				b.mu.Unlock()
			}
		}
	})
}

func (b *Board) halt() {
	if b.stop != nil {
		close(b.stop)
		b.stop = nil
	}
}

// Close takes the live part off the screen and stops the clock.
func (b *Board) Close() {
	b.mu.Lock()
	b.halt()
	b.erase()
	b.mu.Unlock()
	b.stopped.Wait()
}

// erase takes the live part off the screen.
func (b *Board) erase() {
	if b.drawn > 0 {
		fmt.Fprintf(b.W, "\x1b[%dA\x1b[J", b.drawn)
		b.drawn = 0
	}
}

// draw puts the live part on the screen, as much of it as there is room for.
func (b *Board) draw() {
	if b.stop == nil {
		return
	}
	columns, rows := b.Size()
	live := b.live()
	if room := max(rows-2, 1); len(live) > room {
		live = live[:room]
	}
	for _, line := range live {
		fmt.Fprintln(b.W, cut(line, max(columns-1, 20)))
	}
	b.drawn = len(live)
}

var spinner = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

// live are the lines of the live part, without colours so that they can be cut.
func (b *Board) live() []string {
	now := time.Now()
	frame := spinner[int(now.UnixMilli()/redraw.Milliseconds())%len(spinner)]
	var lines []string
	for _, s := range b.steps {
		switch {
		case s.ID == b.current:
			lines = append(lines, fmt.Sprintf("%c %s  %d of %d tasks, %s", frame, pad(s.Title, 22), b.ended, max(len(s.Tasks), b.ended), Took(now.Sub(b.begun))))
			for _, t := range b.running {
				line := fmt.Sprintf("    %s %8s", pad(t.title, 50), Took(now.Sub(t.begun)))
				if t.said != "" {
					line += "  " + strings.TrimSpace(t.said)
				}
				lines = append(lines, line)
			}
		case b.state[s.ID] == pipeline.Pending && s.Skip == "":
			lines = append(lines, "· "+s.Title)
		}
	}
	if len(lines) > 0 {
		lines = append([]string{""}, lines...)
	}
	return lines
}
