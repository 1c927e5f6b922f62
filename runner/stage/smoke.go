package stage

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/probe"
	"github.com/tminus/deploy-action/runner/project"
)

// Smoke asks one Worker the questions of a scenario, one after another, as a user
// would: the runbook's five unless the settings have others.
type Smoke struct {
	Probe    *probe.Client
	Target   project.Target
	Scenario project.Smoke
	Redact   func(string) string
	// Witness, if set, tells what the Worker threw when it was asked.
	Witness Witness
}

// patience is how long a question without side effects is asked again when
// nobody answers or the server fails, as a new version may do for a moment.
const patience = 10 * time.Second

// Name implements pipeline.Stage.
func (Smoke) Name() string { return "smoke" }

// Missing says why there is nothing to ask, empty if there is something.
func (s Smoke) Missing() string {
	switch _, ok := s.endpoint(); {
	case len(s.Scenario.Steps) == 0:
		return "the scenario has no steps"
	case !ok:
		return fmt.Sprintf("no Worker %q with a route is in %s; name one under smoke: in %s", s.Scenario.Worker, s.Target.Env, project.SettingsFile)
	}
	return ""
}

func (s Smoke) endpoint() (project.Endpoint, bool) {
	i := slices.IndexFunc(s.Target.Endpoints, func(e project.Endpoint) bool {
		return e.Worker == s.Scenario.Worker || e.Title == s.Scenario.Worker
	})
	if i < 0 {
		return project.Endpoint{}, false
	}
	return s.Target.Endpoints[i], true
}

// Tasks implements pipeline.Stage.
func (s Smoke) Tasks() []pipeline.Task {
	e, ok := s.endpoint()
	if !ok {
		return nil
	}
	values := newValues()
	var tasks []pipeline.Task
	for _, q := range s.Scenario.Steps {
		t := pipeline.Task{Title: q.Title, At: q.At, Do: func(ctx context.Context, out *pipeline.Out) error {
			return s.ask(ctx, out, e, q, values)
		}}
		if t.At.IsZero() {
			t.At = e.At
		}
		if len(tasks) > 0 {
			t.Needs = []string{tasks[len(tasks)-1].Title}
		}
		tasks = append(tasks, t)
	}
	return tasks
}

// values are what {name} stands for in the questions of one run.
type values struct {
	mu  sync.Mutex
	all map[string]string
}

func newValues() *values {
	return &values{all: map[string]string{
		"email":    "smoke-" + strings.ToLower(rand.Text()) + "@example.com",
		"password": rand.Text(),
	}}
}

func (v *values) set(name, value string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.all[name] = value
}

// fill puts the values into a text.
func (v *values) fill(text string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	for name, value := range v.all {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return text
}

// fillAny puts the values into all texts of a decoded value.
func (v *values) fillAny(x any) any {
	switch x := x.(type) {
	case string:
		return v.fill(x)
	case map[string]any:
		out := map[string]any{}
		for key, member := range x {
			out[key] = v.fillAny(member)
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, item := range x {
			out[i] = v.fillAny(item)
		}
		return out
	}
	return x
}

// hide takes the values of this run out of a text; {email} may be shown.
func (v *values) hide(text string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	for name, value := range v.all {
		if name != "email" {
			text = strings.ReplaceAll(text, value, "***")
		}
	}
	return text
}

func (s Smoke) ask(ctx context.Context, out *pipeline.Out, e project.Endpoint, q project.Question, v *values) error {
	question := probe.Question{Method: q.Method, URL: "https://" + e.Host + v.fill(q.Path), Header: http.Header{}}
	for _, h := range q.Headers {
		question.Header.Set(h.Name, v.fill(h.Value))
	}
	if q.Body != nil {
		question.Body = v.fillAny(q.Body)
	}
	var answer probe.Answer
	once := func(ctx context.Context) error {
		var err error
		if answer, err = s.Probe.Ask(ctx, question); err != nil {
			return Unreachable(e, q.Method+" "+question.URL, err)
		}
		return s.judge(e, q, question, answer, v)
	}
	again := func(err error, wait time.Duration) { out.Sayf("again in %s: %s", wait, message(err)) }
	listen(ctx, s.Witness, e.Script, true)
	if err := probe.Until(ctx, s.patience(q), once, again); err != nil {
		path, _, _ := strings.Cut(v.fill(q.Path), "?")
		testify(ctx, out, s.Witness, e.Script, path)
		return err
	}
	if q.Save != "" {
		v.set(q.Save, tokenIn(answer.Body))
	}
	out.Endf("%d, %d ms", answer.Status, answer.Took.Milliseconds())
	return nil
}

// patience is none for a question that may have changed something.
func (s Smoke) patience(q project.Question) time.Duration {
	if q.Method == http.MethodGet || q.Method == http.MethodHead {
		return patience
	}
	return 0
}

// judge holds an answer against what the scenario wants.
func (s Smoke) judge(e project.Endpoint, q project.Question, question probe.Question, a probe.Answer, v *values) error {
	bad := func(format string, args ...any) error {
		hint := q.Remedy
		if hint == "" || a.Status >= 500 && strings.Contains(string(a.Body), "1101") {
			hint = remedyFor(a)
		}
		f := finding.Errorf("smoke", e.At, "%s %s answered %s", question.Method, v.hide(question.URL), fmt.Sprintf(format, args...))
		return f.Hintf("%s", hint).See(q.At)
	}
	excerpt := v.hide(redact(s.Redact, a.Excerpt(300)))
	if !slices.Contains(q.Status, a.Status) {
		return bad("%d, not %s: %s", a.Status, codes(q.Status), excerpt)
	}
	if q.Save != "" && tokenIn(a.Body) == "" {
		return bad("%d without a token: %s", a.Status, excerpt)
	}
	if q.Health {
		h := Health{Target: s.Target, Redact: s.Redact}
		if _, err := h.Judge(e, question.Method+" "+question.URL, a); err != nil {
			return err
		}
	}
	return nil
}

func codes(all []int) string {
	words := make([]string, len(all))
	for i, c := range all {
		words[i] = fmt.Sprint(c)
	}
	return strings.Join(words, " or ")
}

var jsonWebToken = regexp.MustCompile(`^eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)

// tokenIn finds the first JSON Web Token among the texts of a JSON body, keys in
// their alphabetical order; empty if there is none.
func tokenIn(body []byte) string {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return ""
	}
	return tokenOf(v)
}

func tokenOf(v any) string {
	switch v := v.(type) {
	case string:
		if jsonWebToken.MatchString(v) {
			return v
		}
	case map[string]any:
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			if t := tokenOf(v[key]); t != "" {
				return t
			}
		}
	case []any:
		for _, item := range v {
			if t := tokenOf(item); t != "" {
				return t
			}
		}
	}
	return ""
}
