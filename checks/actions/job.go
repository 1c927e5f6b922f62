package actions

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"sync"

	githubactions "github.com/sethvargo/go-githubactions"
)

// Job is one step's conversation with the runner. As an io.Writer it writes plain
// text: the runner takes no line of it for a command, as text of a build or of a
// Worker might otherwise be. It may be used from several goroutines.
type Job struct {
	getenv func(string) string

	mu      sync.Mutex
	out     io.Writer
	token   string // ends the runner's deafness
	deaf    bool
	newline bool // the last plain text ended its line
	masked  map[string]bool
}

// Open begins the conversation on a writer, the step's standard output. The runner
// listens to no command but those of the Job, from its first line on.
func Open(out io.Writer, getenv func(string) string) *Job {
	return &Job{getenv: getenv, out: out, token: rand.Text(), newline: true, masked: map[string]bool{}}
}

// Write implements io.Writer for plain text.
func (j *Job) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	if err := j.hush(); err != nil {
		return 0, err
	}
	j.newline = p[len(p)-1] == '\n'
	return j.out.Write(p)
}

// hush stops the runner's listening, with a word that only the Job knows. It writes
//
//	::stop-commands::<word>
func (j *Job) hush() error {
	if j.deaf {
		return nil
	}
	j.deaf = true
	_, err := fmt.Fprintf(j.out, "::stop-commands::%s\n", j.token)
	return err
}

// issue writes commands that the runner is to hear.
func (j *Job) issue(say func(*githubactions.Action)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var text bytes.Buffer
	if !j.newline {
		text.WriteByte('\n')
	}
	if j.deaf {
		fmt.Fprintf(&text, "::%s::\n", j.token)
	}
	say(githubactions.New(githubactions.WithWriter(&text), githubactions.WithGetenv(j.getenv)))
	j.deaf, j.newline = false, true
	// Nobody can be told if standard output is gone.
	_, _ = j.out.Write(text.Bytes())
	_ = j.hush()
}

// shortest is the length below which a line is not masked: the runner would hide
// it in ordinary words.
const shortest = 4

// Mask has the runner hide values in its log, line by line as it wants them. It
// must be called before anything is printed. It writes, once for each line,
//
//	::add-mask::<line>
func (j *Job) Mask(values ...string) {
	var lines []string
	j.mu.Lock()
	for _, v := range values {
		for line := range strings.Lines(v) {
			line = strings.TrimRight(line, "\r\n")
			if len(strings.TrimSpace(line)) >= shortest && !j.masked[line] {
				j.masked[line] = true
				lines = append(lines, line)
			}
		}
	}
	j.mu.Unlock()
	if len(lines) == 0 {
		return
	}
	j.issue(func(a *githubactions.Action) {
		for _, line := range lines {
			a.AddMask(line)
		}
	})
}

// Group begins a part of the log that a reader can fold.
func (j *Job) Group(title string) {
	j.issue(func(a *githubactions.Action) { a.Group(oneLine(title)) })
}

// EndGroup ends it.
func (j *Job) EndGroup() { j.issue(func(a *githubactions.Action) { a.EndGroup() }) }

// Annotation is a note at a line, shown on the run's page and, for files that a
// pull request changes, in its diff. The runner keeps ten of each level for a step.
type Annotation struct {
	Level          string // error, warning or notice
	Title, Message string
	File           string // relative to the repository; empty for none
	// Lines and columns count from 1; zero means that it is not known.
	Line, EndLine, Column, EndColumn int
}

// Annotate shows a note. It writes, for example
//
//	::error file=workers/api/wrangler.toml,line=7,title=no-zone::no zone holds api.example.com
func (j *Job) Annotate(n Annotation) {
	fields := map[string]string{}
	if n.Title != "" {
		fields["title"] = n.Title
	}
	if n.File != "" {
		fields["file"] = n.File
		for name, v := range map[string]int{"line": n.Line, "endLine": n.EndLine, "col": n.Column, "endColumn": n.EndColumn} {
			if v > 0 {
				fields[name] = fmt.Sprint(v)
			}
		}
	}
	j.issue(func(a *githubactions.Action) {
		a = a.WithFieldsMap(fields)
		switch n.Level {
		case "error":
			a.Errorf("%s", n.Message)
		case "warning":
			a.Warningf("%s", n.Message)
		default:
			a.Noticef("%s", n.Message)
		}
	})
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
