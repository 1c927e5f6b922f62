package actions

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"

	githubactions "github.com/sethvargo/go-githubactions"
)

// delimiter is the line between which go-githubactions writes a value. A value
// that held it could say that it is over, and bring outputs of its own.
const delimiter = "_GitHubActionsFileCommandDelimeter_"

// summaryLimit is the size in bytes above which the runner refuses a step's
// summary. Source: actions/runner, FileCommandManager, AttachmentSizeLimit.
const summaryLimit = 1 << 20

var outputName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// SetOutput gives a value to later steps. A name or a value that could be read as
// something else is refused.
func (j *Job) SetOutput(name, value string) error {
	if !outputName.MatchString(name) {
		return fmt.Errorf("output %q: not a name for an output", name)
	}
	if strings.Contains(value, delimiter) {
		return fmt.Errorf("output %s: the value holds the delimiter of outputs", name)
	}
	if err := j.writable("GITHUB_OUTPUT"); err != nil {
		return fmt.Errorf("output %s: %w", name, err)
	}
	j.file(func(a *githubactions.Action) { a.SetOutput(name, value) })
	return nil
}

// Summarize writes the step's summary, in GitHub's Markdown. What is beyond the
// runner's limit is cut off, with a line that says so.
func (j *Job) Summarize(markdown string) error {
	if err := j.writable("GITHUB_STEP_SUMMARY"); err != nil {
		return fmt.Errorf("step summary: %w", err)
	}
	j.file(func(a *githubactions.Action) { a.AddStepSummary(Cut(markdown, summaryLimit-1)) })
	return nil
}

// cutNote tells a reader that there was more.
const cutNote = "\n\n*The rest was too long to be shown here; the log has all of it.*\n"

// Cut shortens a Markdown text to a number of bytes, at the end of a line where
// there is one, and says so. A text that fits is left as it is.
func Cut(markdown string, limit int) string {
	if len(markdown) <= limit {
		return markdown
	}
	if limit <= len(cutNote) {
		return ""
	}
	kept := markdown[:limit-len(cutNote)]
	if end := strings.LastIndexByte(kept, '\n'); end > 0 {
		return kept[:end] + cutNote
	}
	for !utf8.ValidString(kept) {
		_, size := utf8.DecodeLastRuneInString(kept)
		kept = kept[:len(kept)-size]
	}
	return kept + cutNote
}

// file writes into one of the runner's files.
func (j *Job) file(say func(*githubactions.Action)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	say(githubactions.New(githubactions.WithWriter(j.out), githubactions.WithGetenv(j.getenv)))
}

// writable tells why a file of the runner cannot be written, before the library
// panics over it.
func (j *Job) writable(name string) error {
	path := j.getenv(name)
	if path == "" {
		return fmt.Errorf("%s is not set", name)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}
