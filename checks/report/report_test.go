package report

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
)

type list struct {
	name  string
	tasks []pipeline.Task
}

func (l list) Name() string           { return l.name }
func (l list) Tasks() []pipeline.Task { return l.tasks }

func task(title string, took time.Duration, do func(out *pipeline.Out) error) pipeline.Task {
	return pipeline.Task{Title: title, At: finding.Position{File: "w.toml", Line: 7, Column: 2}, Do: func(_ context.Context, out *pipeline.Out) error {
		time.Sleep(took)
		return do(out)
	}}
}

// release is a plan in which staging passes and production's deploy fails.
func release() pipeline.Plan {
	fine := func(out *pipeline.Out) error { out.Endf("version 0f8fad5b"); return nil }
	return pipeline.Plan{Width: 1, Steps: []pipeline.Step{
		{Stage: list{"build", []pipeline.Task{task("Run make", 2*time.Second, func(out *pipeline.Out) error {
			out.Sayf("compiling with hunter2")
			out.Note(finding.Warnf("old", finding.Position{}, "an old thing").Hintf("renew it"))
			return nil
		})}}},
		{Env: "staging", Stage: list{"deploy", []pipeline.Task{task("Switch api", 150*time.Second, fine)}}},
		{Env: "production", Stage: list{"deploy", []pipeline.Task{
			task("Switch api", 30*time.Millisecond, func(out *pipeline.Out) error {
				out.Sayf("asking for hunter2")
				return finding.Errorf("script-refused", finding.Position{}, "10021: hunter2 is not defined").Hintf("do not say hunter2").See(finding.Position{File: "x.ts", Line: 1})
			}), task("Switch mcp", 0, fine),
		}}, Undo: list{"undo", []pipeline.Task{task("Put back api", 0, fine)}}},
		{Env: "production", Stage: list{"health", []pipeline.Task{task("GET /health", 0, fine)}}},
		{Env: "production", Skip: "--skip-smoke", Stage: list{"smoke", nil}},
	}}
}

func redact(s string) string { return strings.ReplaceAll(s, "hunter2", "***") }

// play runs the release in virtual time in front of an observer.
func play(t *testing.T, o pipeline.Observer) {
	t.Helper()
	if verdict, err := release().Run(context.Background(), Redacted{To: o, Redact: redact}); verdict != pipeline.Failed || err != nil {
		t.Errorf("%s, %v", verdict, err)
	}
}

const lines = `
Build
    │ compiling with ***
  ✓ Run make                                                2.0 s
      warning w.toml:7:2 an old thing [old]
            → renew it
Build passed in 2.0 s, 1 task

Deploy staging
  ✓ Switch api                                           2 min 30 s  version 0f8fad5b
Deploy staging passed in 2 min 30 s, 1 task

Deploy production
    │ asking for ***
  ✗ Switch api                                              30 ms
      error w.toml:7:2 10021: *** is not defined [script-refused]
            see x.ts:1
            → do not say ***
  ○ Switch mcp                                                     another task failed
  ✓ Put back api                                                   version 0f8fad5b
Deploy production failed in 30 ms, 3 tasks

Health production blocked: Deploy production did not pass

Smoke production skipped: --skip-smoke

    Stage                  Verdict    Tasks        Took
 1. Build                  passed         1       2.0 s
 2. Deploy staging         passed         1  2 min 30 s
 3. Deploy production      failed         3       30 ms
 4. Health production      blocked        0              Deploy production did not pass
 5. Smoke production       skipped        0              --skip-smoke

Failed in 2 min 32 s, 1 error, 1 warning
`

func TestAPipeGetsPlainLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		play(t, &Lines{W: &out})
		if got := out.String(); got != lines {
			t.Errorf("got\n%s\nwant\n%s", got, lines)
		}
		if strings.Contains(out.String(), "\x1b") {
			t.Error("a pipe got colours")
		}
	})
}

func TestColoursMarkAndNothingElseChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		play(t, &Lines{W: &out, Style: Style{Color: true}})
		if !strings.Contains(out.String(), "\x1b[31m✗\x1b[0m") {
			t.Error("a failure is not red")
		}
		if got := regexp.MustCompile(`\x1b\[[0-9]*m`).ReplaceAllString(out.String(), ""); got != lines {
			t.Errorf("without the colours it reads\n%s", got)
		}
	})
}

func TestEveryEventIsOneJSONObject(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		play(t, JSON{W: &out})
		if strings.Contains(out.String(), "hunter2") {
			t.Error("a secret was written")
		}
		kinds := map[string]int{}
		for line := range strings.Lines(out.String()) {
			var e map[string]any
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			kinds[e["event"].(string)]++
		}
		want := map[string]int{"planned": 1, "started": 7, "said": 2, "did": 5, "finished": 5, "ended": 1}
		if fmt.Sprint(kinds) != fmt.Sprint(want) {
			t.Errorf("events %v, want %v", kinds, want)
		}
	})
}

func TestAnEmptyObjectStaysValid(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := WriteJSON(&out, "x", struct{}{}); err != nil || out.String() != "{\"event\":\"x\"}\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

// screen understands what the board does to a terminal: lines, and erasing some
// of the last ones.
type screen struct {
	lines []string
	open  bool // the last line is not ended yet
	most  int  // most lines that were ever erased at once
}

var erase = regexp.MustCompile(`^\x1b\[(\d+)A\x1b\[J`)

func (s *screen) Write(p []byte) (int, error) {
	text := string(p)
	for text != "" {
		if m := erase.FindStringSubmatch(text); m != nil {
			var n int
			fmt.Sscan(m[1], &n)
			s.most = max(s.most, n)
			if n > len(s.lines) {
				return 0, errors.New("erased more than is there")
			}
			s.lines = s.lines[:len(s.lines)-n]
			text = text[len(m[0]):]
			continue
		}
		line, rest, ended := strings.Cut(text, "\n")
		if s.open {
			s.lines[len(s.lines)-1] += line
		} else {
			s.lines = append(s.lines, line)
		}
		s.open, text = !ended, rest
	}
	return len(p), nil
}

func TestABoardLeavesTheSameLinesBehind(t *testing.T) {
	t.Parallel()
	for _, rows := range []int{5, 40} {
		synctest.Test(t, func(t *testing.T) {
			s := &screen{}
			b := &Board{W: s, Size: func() (int, int) { return 80, rows }}
			play(t, b)
			b.Close()
			if got := strings.Join(s.lines, "\n") + "\n"; got != lines {
				t.Errorf("left behind\n%s\nwant\n%s", got, lines)
			}
			if s.most == 0 || s.most > rows-2 {
				t.Errorf("%d live lines on a terminal of %d", s.most, rows)
			}
		})
	}
}

func TestABoardShowsWhatRunsAndWhatIsToCome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &screen{}
		b := &Board{W: s, Size: func() (int, int) { return 100, 40 }}
		go play(t, b)
		time.Sleep(62 * time.Second)
		synctest.Wait()
		b.mu.Lock()
		live := strings.Join(s.lines[len(s.lines)-4:], "\n")
		b.mu.Unlock()
		for _, want := range []string{"Deploy staging", "0 of 1 tasks", "Switch api", "1 min 0 s", "· Deploy production", "· Health production"} {
			if !strings.Contains(live, want) {
				t.Errorf("%q is not on the board\n%s", want, live)
			}
		}
		if strings.Contains(live, "Smoke") {
			t.Errorf("a skipped stage is said to come\n%s", live)
		}
		time.Sleep(time.Hour)
		b.Close()
	})
}

func TestAPlanShowsTheTasksThatWouldRun(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	WritePlan(&out, Style{}, release().Planned())
	for _, want := range []string{"5 stages", "3. Deploy production", "Switch mcp", "w.toml:7:2", "if it fails:", "Put back api", "(skipped: --skip-smoke)", "Nothing was changed"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}
