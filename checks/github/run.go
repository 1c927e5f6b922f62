package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	gh "github.com/google/go-github/v60/github"
)

// The states and conclusions of a check run that may be set.
const (
	Queued     = "queued"
	InProgress = "in_progress"
	Completed  = "completed"

	Success   = "success"
	Failure   = "failure"
	Neutral   = "neutral"
	Skipped   = "skipped"
	Cancelled = "cancelled"
)

// CheckRun is one check on a commit.
type CheckRun struct {
	Name string
	SHA  string // 40 hex digits
	// ExternalID is our name for the run, by which it is found again.
	ExternalID string
	DetailsURL string
	Status     string
	Conclusion string // with status completed only
	Started    time.Time
	Completed  time.Time
	Output     Output
	// Actions are buttons on a completed run; none takes away those that were there, nil
	// says nothing of them. Who presses one is told to the App alone that made the run.
	Actions []Action
}

// Action is a button: a label of at most 20 characters, a description of 40, and an
// identifier of 20, which comes back when somebody presses it.
type Action struct {
	Label       string `json:"label"`
	Description string `json:"description"`
	Identifier  string `json:"identifier"`
}

// Output is what a reader sees of a check run. Title and Summary are wanted when
// there is an output; both texts are Markdown.
type Output struct {
	Title, Summary, Text string
	Annotations          []Annotation
}

// Annotation is a note at a line of the commit.
type Annotation struct {
	Path    string // relative to the repository
	Level   string // notice, warning or failure
	Title   string
	Message string
	// Lines and columns count from 1. EndColumn is the last column of the note;
	// columns are left out when it covers several lines.
	Line, EndLine, Column, EndColumn int
}

// The limits of a check run. Source: the REST API's reference and, for bytes in
// place of characters, what the API answers.
const (
	textLimit       = 65535 // bytes
	titleLimit      = 255   // characters
	annotationBatch = 50
	messageLimit    = 64 << 10 // bytes
)

// sent is a check run as the API takes it. go-github's own options leave out
// started_at of an update.
type sent struct {
	Name        string      `json:"name"`
	SHA         string      `json:"head_sha,omitempty"`
	DetailsURL  string      `json:"details_url,omitempty"`
	ExternalID  string      `json:"external_id,omitempty"`
	Status      string      `json:"status,omitempty"`
	Conclusion  string      `json:"conclusion,omitempty"`
	StartedAt   string      `json:"started_at,omitempty"`
	CompletedAt string      `json:"completed_at,omitempty"`
	Output      *sentOutput `json:"output,omitempty"`
	Actions     []Action    `json:"actions,omitzero"`
}

type sentOutput struct {
	Title       string     `json:"title"`
	Summary     string     `json:"summary"`
	Text        string     `json:"text,omitempty"`
	Annotations []sentNote `json:"annotations,omitempty"`
}

type sentNote struct {
	Path        string `json:"path"`
	StartLine   int    `json:"start_line"`
	EndLine     int    `json:"end_line"`
	StartColumn int    `json:"start_column,omitempty"`
	EndColumn   int    `json:"end_column,omitempty"`
	Level       string `json:"annotation_level"`
	Title       string `json:"title,omitempty"`
	Message     string `json:"message"`
}

// wire makes what is sent, with the first batch of annotations; the others are
// given back.
func (r CheckRun) wire() (sent, []sentNote) {
	s := sent{Name: r.Name, SHA: r.SHA, DetailsURL: r.DetailsURL, ExternalID: r.ExternalID, Status: r.Status, Conclusion: r.Conclusion, StartedAt: stamp(r.Started), CompletedAt: stamp(r.Completed), Actions: r.Actions}
	if r.Output.Title == "" && r.Output.Summary == "" {
		return s, nil
	}
	var notes []sentNote
	for _, a := range r.Output.Annotations {
		notes = append(notes, a.wire())
	}
	first := notes[:min(len(notes), annotationBatch)]
	s.Output = &sentOutput{Title: fitCharacters(r.Output.Title, titleLimit), Summary: fit(r.Output.Summary, textLimit), Text: fit(r.Output.Text, textLimit), Annotations: first}
	return s, notes[len(first):]
}

func (a Annotation) wire() sentNote {
	n := sentNote{Path: a.Path, Level: a.Level, Title: fitCharacters(a.Title, titleLimit), Message: fit(a.Message, messageLimit-1)}
	n.StartLine = max(a.Line, 1)
	n.EndLine = max(a.EndLine, n.StartLine)
	if n.StartLine == n.EndLine && a.Column > 0 {
		n.StartColumn, n.EndColumn = a.Column, max(a.EndColumn, a.Column)
	}
	return n
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// CreateRun posts a check run and gives its id. When the answer is lost it looks
// for the run by its external id before it posts it again, so that there are not two.
func (c *Client) CreateRun(ctx context.Context, r CheckRun) (int64, error) {
	const op = "create check run"
	body, rest := r.wire()
	var made gh.CheckRun
	_, err := c.call(ctx, c.once, op, http.MethodPost, c.repo("check-runs"), body, &made)
	if unanswered(err) {
		found, lookErr := c.Runs(ctx, r.SHA, url.Values{"check_name": {r.Name}, "filter": {"all"}})
		if lookErr != nil {
			return 0, errors.Join(err, lookErr)
		}
		for _, f := range found {
			if f.ExternalID == r.ExternalID {
				return f.ID, c.annotate(ctx, f.ID, body, rest)
			}
		}
		_, err = c.call(ctx, c.once, op, http.MethodPost, c.repo("check-runs"), body, &made)
	}
	if err != nil {
		return 0, err
	}
	return made.GetID(), c.annotate(ctx, made.GetID(), body, rest)
}

// UpdateRun brings a check run to a new state.
func (c *Client) UpdateRun(ctx context.Context, id int64, r CheckRun) error {
	body, rest := r.wire()
	body.SHA = ""
	// Annotations are added, not replaced: an update with some is not done twice.
	with := c.safe
	if body.Output != nil && len(body.Output.Annotations) > 0 {
		with = c.once
	}
	if _, err := c.call(ctx, with, "update check run", http.MethodPatch, c.repo("check-runs/%d", id), body, nil); err != nil {
		return err
	}
	return c.annotate(ctx, id, body, rest)
}

// annotate adds further annotations, in batches.
func (c *Client) annotate(ctx context.Context, id int64, run sent, rest []sentNote) error {
	for len(rest) > 0 {
		n := min(len(rest), annotationBatch)
		output := *run.Output
		output.Annotations = rest[:n]
		body := sent{Name: run.Name, Output: &output}
		if _, err := c.call(ctx, c.once, "annotate check run", http.MethodPatch, c.repo("check-runs/%d", id), body, nil); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// FoundRun is a check run that is on a commit already.
type FoundRun struct {
	ID                 int64
	Name, ExternalID   string
	Status, Conclusion string
}

// Runs lists the check runs of a commit. The query is GitHub's: check_name,
// status, filter.
func (c *Client) Runs(ctx context.Context, sha string, query url.Values) ([]FoundRun, error) {
	q := url.Values{"per_page": {"100"}}
	for name, v := range query {
		q[name] = v
	}
	var all []FoundRun
	for page := 1; page > 0; {
		q.Set("page", fmt.Sprint(page))
		var list gh.ListCheckRunsResults
		res, err := c.call(ctx, c.safe, "list check runs", http.MethodGet, c.repo("commits/%s/check-runs?%s", sha, q.Encode()), nil, &list)
		if err != nil {
			return nil, err
		}
		for _, r := range list.CheckRuns {
			all = append(all, FoundRun{ID: r.GetID(), Name: r.GetName(), ExternalID: r.GetExternalID(), Status: r.GetStatus(), Conclusion: r.GetConclusion()})
		}
		page = res.NextPage
	}
	return all, nil
}

// unanswered tells whether a call may have been done although it failed.
func unanswered(err error) bool {
	if err == nil {
		return false
	}
	r, ok := errors.AsType[*Refusal](err)
	return !ok || r.Status >= 500
}
