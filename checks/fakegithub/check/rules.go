package check

import (
	"net/url"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// GitHub's limits.
const (
	MaxText        = 65535    // bytes of a summary and of a text
	MaxAnnotations = 50       // in one request
	MaxMessage     = 64 << 10 // bytes of an annotation's message and raw details
	MaxTitle       = 255      // characters of an annotation's title
	MaxActions     = 3
)

type output struct {
	Title       *string      `json:"title"`
	Summary     *string      `json:"summary"`
	Text        *string      `json:"text"`
	Annotations []Annotation `json:"annotations"`
	Images      []image      `json:"images"`
}

type image struct {
	Alt     string `json:"alt"`
	URL     string `json:"image_url"`
	Caption string `json:"caption"`
}

type change struct {
	Name        *string   `json:"name"`
	DetailsURL  *string   `json:"details_url"`
	ExternalID  *string   `json:"external_id"`
	Status      *string   `json:"status"`
	StartedAt   *string   `json:"started_at"`
	Conclusion  *string   `json:"conclusion"`
	CompletedAt *string   `json:"completed_at"`
	Output      *output   `json:"output"`
	Actions     *[]Action `json:"actions"`
}

type creation struct {
	HeadSHA *string `json:"head_sha"`
	change
}

var (
	statuses    = []string{"queued", "in_progress", "completed"}
	conclusions = []string{"action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out"}
	levels      = []string{"notice", "warning", "failure"}
)

// check holds a request against everything that does not depend on the run.
func (c change) check() error {
	if c.Name != nil && *c.Name == "" {
		return wire.Invalid("CheckRun", "name", "missing_field", "name can't be blank")
	}
	if s := c.Status; s != nil && !slices.Contains(statuses, *s) {
		return wire.OneOf("status", *s, statuses)
	}
	if s := c.Conclusion; s != nil && !slices.Contains(conclusions, *s) {
		return wire.OneOf("conclusion", *s, conclusions)
	}
	if c.Conclusion == nil && (wire.Or(c.Status, "") == "completed" || c.CompletedAt != nil) {
		return wire.Missing("conclusion")
	}
	for field, text := range map[string]*string{"started_at": c.StartedAt, "completed_at": c.CompletedAt} {
		if text != nil {
			if _, err := time.Parse(time.RFC3339, *text); err != nil {
				return wire.Malformed(field, "invalid", "For '%s', %q is not a valid date-time.", field, *text)
			}
		}
	}
	if u := wire.Or(c.DetailsURL, ""); u != "" {
		if parsed, err := url.Parse(u); err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" {
			return wire.Invalid("CheckRun", "details_url", "custom", "details_url must use http or https scheme")
		}
	}
	if err := c.Output.check(); err != nil {
		return err
	}
	return checkActions(wire.Or(c.Actions, nil))
}

func (o *output) check() error {
	if o == nil {
		return nil
	}
	switch {
	case o.Title == nil:
		return wire.Missing("output.title")
	case o.Summary == nil:
		return wire.Missing("output.summary")
	}
	for _, f := range []struct {
		name string
		text *string
	}{{"summary", o.Summary}, {"text", o.Text}} {
		if f.text != nil && len(*f.text) > MaxText {
			return wire.Invalid("CheckRun", f.name, "custom", "%s exceeds a maximum bytesize of %d", f.name, MaxText)
		}
	}
	if n := len(o.Annotations); n > MaxAnnotations {
		return wire.Malformed("output.annotations", "invalid", "No more than %d items are allowed; %d were supplied.", MaxAnnotations, n)
	}
	for _, a := range o.Annotations {
		if err := a.check(); err != nil {
			return err
		}
	}
	for _, i := range o.Images {
		if i.Alt == "" || i.URL == "" {
			return wire.Missing("output.images.alt and image_url")
		}
	}
	return nil
}

func (a Annotation) check() error {
	bad := func(field, format string, args ...any) error {
		return wire.Invalid("CheckAnnotation", field, "invalid", format, args...)
	}
	switch {
	case a.Path == "":
		return wire.Missing("output.annotations.path")
	case a.Message == "":
		return wire.Missing("output.annotations.message")
	case a.Level == "":
		return wire.Missing("output.annotations.annotation_level")
	case !slices.Contains(levels, a.Level):
		return wire.OneOf("output.annotations.annotation_level", a.Level, levels)
	case a.Path[0] == '/':
		return bad("path", "path must be relative to the repository")
	case a.StartLine < 1 || a.EndLine < 1:
		return bad("start_line", "lines start at 1")
	case a.EndLine < a.StartLine:
		return bad("end_line", "end_line must not be before start_line")
	case len(a.Message) > MaxMessage:
		return bad("message", "message exceeds a maximum bytesize of %d", MaxMessage)
	case a.RawDetails != nil && len(*a.RawDetails) > MaxMessage:
		return bad("raw_details", "raw_details exceeds a maximum bytesize of %d", MaxMessage)
	case a.Title != nil && utf8.RuneCountInString(*a.Title) > MaxTitle:
		return bad("title", "title is too long (maximum is %d characters)", MaxTitle)
	}
	return a.checkColumns(bad)
}

func (a Annotation) checkColumns(bad func(string, string, ...any) error) error {
	if a.StartColumn == nil && a.EndColumn == nil {
		return nil
	}
	switch {
	case a.StartLine != a.EndLine:
		return bad("start_column", "columns can only be given when start_line and end_line are the same")
	case a.StartColumn != nil && *a.StartColumn < 1, a.EndColumn != nil && *a.EndColumn < 1:
		return bad("start_column", "columns start at 1")
	case a.StartColumn != nil && a.EndColumn != nil && *a.EndColumn < *a.StartColumn:
		return bad("end_column", "end_column must not be before start_column")
	}
	return nil
}

func checkActions(actions []Action) error {
	if n := len(actions); n > MaxActions {
		return wire.Malformed("actions", "invalid", "No more than %d items are allowed; %d were supplied.", MaxActions, n)
	}
	for _, a := range actions {
		for _, f := range []struct {
			name, text string
			most       int
		}{{"label", a.Label, 20}, {"description", a.Description, 40}, {"identifier", a.Identifier, 20}} {
			switch n := utf8.RuneCountInString(f.text); {
			case n == 0:
				return wire.Missing("actions." + f.name)
			case n > f.most:
				return wire.Malformed("actions."+f.name, "invalid", "Only %d characters are allowed; %d were supplied.", f.most, n)
			}
		}
	}
	return nil
}
