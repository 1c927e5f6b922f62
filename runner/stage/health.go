package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/probe"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
)

// Health asks every HTTP Worker of an environment, side by side, until it answers
// in the enriched format as itself, or its time is over.
type Health struct {
	Probe  *probe.Client
	Target project.Target
	// Path and Patience come from the settings: which question, and for how long.
	Path     string
	Patience time.Duration
	// Version gives the version of a script that must answer, as far as the Worker
	// says which it is; empty means that any may.
	Version func(script string) string
	Redact  func(string) string
	// Witness, if set, tells what a Worker threw that does not become healthy.
	Witness Witness
}

// Name implements pipeline.Stage.
func (Health) Name() string { return "health" }

// Tasks implements pipeline.Stage.
func (h Health) Tasks() []pipeline.Task {
	var tasks []pipeline.Task
	for _, e := range h.Target.Endpoints {
		url := "https://" + e.Host + h.Path
		tasks = append(tasks, pipeline.Task{Title: "GET " + url, At: e.At, Do: func(ctx context.Context, out *pipeline.Out) error {
			return h.ask(ctx, out, e, url)
		}})
	}
	return tasks
}

func (h Health) ask(ctx context.Context, out *pipeline.Out, e project.Endpoint, url string) error {
	var good, said string
	asked := 0
	err := probe.Until(ctx, h.Patience, func(ctx context.Context) error {
		asked++
		answer, err := h.Probe.Ask(ctx, probe.Question{Method: http.MethodGet, URL: url})
		if err != nil {
			return Unreachable(e, url, err)
		}
		words, err := h.Judge(e, url, answer)
		good = words
		return err
	}, func(err error, _ time.Duration) {
		listen(ctx, h.Witness, e.Script, false) // it will be asked again
		if now := message(err); now != said {   // a line for each new answer, not for each question
			said = now
			out.Sayf("not yet: %s", said)
		}
	})
	if err != nil {
		h.overhear(ctx, out, e, url)
		out.Endf("asked %d times", asked)
		return err
	}
	if h.Probe.RoundDNS(e.Host) {
		out.Note(finding.Warnf("dns", e.At, "DNS does not know %s yet; %s was asked in its place", e.Host, probe.Anycast).
			Hintf("run deploy-action dns if the record is missing; a new one may take 5 minutes to be seen"))
	}
	out.Endf("%s", good)
	return nil
}

// overhearing is how long may be spent on what a Worker throws, and no longer than the
// Worker itself was given.
const overhearing = 5 * time.Second

// overhear tells what a Worker throws that did not become healthy: it is asked once
// more while somebody listens.
func (h Health) overhear(ctx context.Context, out *pipeline.Out, e project.Endpoint, url string) {
	if h.Witness == nil || ctx.Err() != nil || h.Patience < time.Second {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, min(overhearing, h.Patience))
	defer cancel()
	h.Witness.Listen(ctx, e.Script, true)
	_, _ = h.Probe.Ask(ctx, probe.Question{Method: http.MethodGet, URL: url}) // it has failed already
	testify(ctx, out, h.Witness, e.Script, h.Path)
}

// message is an error without place and hint.
func message(err error) string {
	if f, ok := err.(finding.Finding); ok {
		return f.Message
	}
	return err.Error()
}

// enriched is the body of a good health answer. Source: the runbook, section 3.5.
type enriched struct {
	OK   *bool `json:"ok"`
	Data *struct {
		Status      string          `json:"status"`
		Environment *string         `json:"environment"`
		Worker      *string         `json:"worker"`
		Bindings    json.RawMessage `json:"bindings"`
		Version     string          `json:"version"`
	} `json:"data"`
}

// Legacy tells whether an answer is one of a version from before the enriched format.
func Legacy(a probe.Answer) bool {
	var body enriched
	return a.Status == http.StatusOK && json.Unmarshal(a.Body, &body) == nil && !body.whole()
}

func (b enriched) whole() bool {
	return b.OK != nil && b.Data != nil && b.Data.Environment != nil && b.Data.Worker != nil && len(b.Data.Bindings) > 0
}

// Judge tells in a few words that an answer is good, or why it is not.
func (h Health) Judge(e project.Endpoint, url string, a probe.Answer) (string, error) {
	bad := func(hint, format string, args ...any) (string, error) {
		f := finding.Errorf("health", e.At, "%s answered %s", url, fmt.Sprintf(format, args...))
		return "", f.Hintf("%s", hint)
	}
	excerpt := redact(h.Redact, a.Excerpt(200))
	if a.Status != http.StatusOK {
		return bad(remedyFor(a), "%d, not 200: %s", a.Status, excerpt)
	}
	var body enriched
	if err := json.Unmarshal(a.Body, &body); err != nil {
		return bad("the route may lead to another Worker; compare it with "+e.At.String(), "no JSON: %s", excerpt)
	}
	d := body.Data
	if !body.whole() {
		return bad("an old version answers; deploy the Worker again so that it runs the newest code", "in the legacy format, without ok and data.status, environment, worker and bindings: %s", excerpt)
	}
	switch {
	case *d.Environment != h.Target.Env:
		return bad("check ENVIRONMENT under [env."+h.Target.Env+".vars], and that the route belongs to this environment", "as environment %q, not %q", *d.Environment, h.Target.Env)
	case *d.Worker != e.Title && *d.Worker != e.Worker && *d.Worker != e.Script:
		return bad("the route leads to another Worker; correct it", "as Worker %q, not %q", *d.Worker, e.Title)
	case d.Status != "healthy" && d.Status != "degraded" || !*body.OK:
		return bad("a binding does not answer; see data.bindings in the answer and the Worker's logs", "that it is %q: %s", d.Status, excerpt)
	}
	if want := h.version(e.Script); want != "" && uuid.MatchString(d.Version) && d.Version != want {
		return bad("the new version may take seconds to be everywhere; if it stays so, another deployment came in between", "from version %s, not %s", release.Brief(d.Version), release.Brief(want))
	}
	words := fmt.Sprintf("%s, %d ms", d.Status, a.Took.Milliseconds())
	if uuid.MatchString(d.Version) {
		words += ", version " + release.Brief(d.Version)
	}
	return words, nil
}

func (h Health) version(script string) string {
	if h.Version == nil {
		return ""
	}
	return h.Version(script)
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// Unreachable is the finding for a question without an answer.
func Unreachable(e project.Endpoint, url string, err error) error {
	f := finding.Errorf("unreachable", e.At, "%s: no answer: %s", url, cause(err))
	if strings.Contains(err.Error(), "no such host") || strings.Contains(err.Error(), "lookup") {
		return f.Hintf("the DNS record is missing or new: run deploy-action dns, or give the address with --resolve %s:443:%s", e.Host, probe.Anycast)
	}
	if strings.Contains(err.Error(), "certificate") {
		return f.Hintf("the certificate is not for this name or not trusted; with a private authority give --cacert")
	}
	return f.Hintf("check the route and the DNS record, and look at cloudflarestatus.com")
}

// cause is an error of net/http without the method and URL in front.
func cause(err error) string {
	_, text, ok := strings.Cut(err.Error(), `": `)
	if !ok {
		return err.Error()
	}
	return text
}

func redact(f func(string) string, text string) string {
	if f == nil {
		return text
	}
	return f(text)
}

// remedyFor is the runbook's section 6 remedy for a wrong answer.
func remedyFor(a probe.Answer) string {
	body := string(a.Body)
	switch {
	case strings.Contains(body, "1101"):
		return "error 1101, the Worker threw: check nodejs_compat in its [env] section, extra exports of its entry, and bindings that the environment lacks; then read deploy-action logs"
	case strings.Contains(body, "1102"):
		return "error 1102, the Worker ran out of CPU time: raise limits.cpu_ms or find what takes so long"
	case a.Status == http.StatusNotFound:
		return "nothing answers on this path: check the route, and that the Worker serves it"
	case a.Status == 522 || a.Status == 523 || a.Status == 530 || a.Status == 525:
		return "no Worker is behind this host name: check its route and that the DNS record is proxied"
	case a.Status == http.StatusServiceUnavailable:
		return "the Worker says that it is not healthy; see data.bindings in the answer"
	}
	return "read the Worker's logs with deploy-action logs"
}
