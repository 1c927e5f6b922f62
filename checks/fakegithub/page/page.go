package page

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"time"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
)

// Commit is what is shown.
type Commit struct {
	Repo, Base  string // owner/name, and the path below which its pages are
	SHA         string
	Message     string
	Groups      []Group
	Selected    *Run
	Deployments []Deployment
	Live        bool // not everything is completed
}

// Group is the runs of one App.
type Group struct {
	App  string
	Runs []*Run
}

// Run is one check run.
type Run struct {
	ID                   int64
	Name, App            string
	Status, Conclusion   string
	Started, Completed   time.Time
	Title, Summary, Text string // Summary and Text are Markdown
	Annotations          []Annotation
	Actions              []Action
	Chosen               bool
}

// Annotation is a remark on a place in a file.
type Annotation struct{ Level, Place, Title, Message, Raw, Link string }

// Action is a button.
type Action struct{ Label, Description, Identifier string }

// Deployment is one deployment with its states, oldest first.
type Deployment struct {
	Environment, State, Task, Creator string
	URL                               string // where it can be seen
	Statuses                          []Status
}

// Status is one state of a deployment.
type Status struct{ State, Description, LogURL, At string }

// Mark is the word that chooses the mark in front of a run: its conclusion, or its status.
func (r *Run) Mark() string {
	if r.Conclusion != "" {
		return r.Conclusion
	}
	return r.Status
}

// Took says how long the run took, or what it waits for.
func (r *Run) Took() string {
	switch {
	case r.Status == "queued":
		return "Queued"
	case r.Status == "in_progress":
		return "In progress"
	case r.Conclusion == "skipped":
		return "Skipped"
	}
	took := r.Completed.Sub(r.Started).Round(time.Second)
	return fmt.Sprintf("%s in %s", said[r.Conclusion], max(took, 0))
}

var said = map[string]string{
	"success": "Succeeded", "failure": "Failed", "neutral": "Completed", "cancelled": "Cancelled", "timed_out": "Timed out",
	"action_required": "Action required", "stale": "Stale", "skipped": "Skipped",
}

//go:embed commit.html
var source string

// Page draws commits. The zero value is not usable; New makes one.
type Page struct{ template *template.Template }

// New prepares the page.
func New() (*Page, error) {
	markdown := goldmark.New(goldmark.WithExtensions(extension.GFM))
	t, err := template.New("commit").Funcs(template.FuncMap{
		"short": func(sha string) string { return sha[:min(7, len(sha))] },
		"markdown": func(text string) (template.HTML, error) {
			var b bytes.Buffer
			err := markdown.Convert([]byte(text), &b)
			return template.HTML(b.String()), err // goldmark leaves raw HTML out and escapes the rest
		},
	}).Parse(source)
	return &Page{template: t}, err
}

// Draw writes the page of a commit.
func (p *Page) Draw(c Commit) ([]byte, error) {
	var b bytes.Buffer
	err := p.template.Execute(&b, c)
	return b.Bytes(), err
}
