package project

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/tminus/deploy-action/runner/document"
	"github.com/tminus/deploy-action/runner/finding"
)

// SettingsFile is the optional file in the project's directory that overrides
// what is derived from the wrangler files.
const SettingsFile = "tminus.yaml"

// Settings is tminus.yaml.
type Settings struct {
	// Workers are patterns of folders or wrangler files.
	Workers []string
	// Build is the command that builds the project before bundling; empty means
	// the default.
	Build document.Value[string]
	// Order is the order of Workers where dependencies leave it open.
	Order []string
	// Secrets says which Workers (short names) get which secret.
	Secrets []Secret
	Health  Health
	Smoke   Smoke
	Waivers []Waiver
	// Rollback is what is done about a release that fails.
	Rollback Rollback
	// Warnings are keys that nothing reads.
	Warnings []finding.Finding
}

// Secret is a secret and the Workers that get it.
type Secret struct {
	Name    string
	Workers []string
	At      finding.Position
}

// Health says how long a Worker may take to answer in health checks.
type Health struct {
	Path    string        // of the question, "/health" unless said
	Timeout time.Duration // until the Worker must have answered well, 60 s unless said
}

// Waiver turns an error of a rule into a warning, with a reason.
type Waiver struct {
	Rule   string
	File   string // limits the waiver to one file; empty means all
	Reason string
	At     finding.Position
}

// defaultSecrets is the runbook's map, section 2.5.
var defaultSecrets = []Secret{
	{Name: "JWT_SECRET", Workers: []string{"api", "oauth"}},
	{Name: "MASTER_KEY", Workers: []string{"api", "oauth"}},
	{Name: "GOOGLE_CLIENT_ID", Workers: []string{"api", "oauth"}},
	{Name: "GOOGLE_CLIENT_SECRET", Workers: []string{"api", "oauth"}},
	{Name: "MS_CLIENT_ID", Workers: []string{"api", "oauth"}},
	{Name: "MS_CLIENT_SECRET", Workers: []string{"api", "oauth"}},
}

var settingsKeys = strings.Fields("workers build order secrets health smoke waive rollback")

func loadSettings(fsys fs.FS) (Settings, error) {
	s := Settings{Secrets: defaultSecrets, Health: Health{Path: "/health", Timeout: time.Minute}, Smoke: defaultSmoke(), Rollback: defaultRollback()}
	src, err := fs.ReadFile(fsys, SettingsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, finding.Errorf("config", finding.Position{File: SettingsFile}, "%s", err)
	}
	root, err := document.Parse(SettingsFile, src)
	if err != nil {
		return s, err
	}
	r := &settingsReader{}
	r.read(root, &s)
	s.Warnings = r.Warnings
	return s, finding.Join(r.Errors)
}

type settingsReader struct{ document.Reader }

func (r *settingsReader) read(root *document.Node, s *Settings) {
	for _, key := range root.Keys() {
		if !slices.Contains(settingsKeys, key) {
			r.Unknown(root.Field(key), key, SettingsFile, settingsKeys)
		}
	}
	s.Workers = texts(r.Strs(root, "workers"))
	s.Order = texts(r.Strs(root, "order"))
	s.Build = r.Str(root, "build")
	if n := r.Table(root, "secrets"); n != nil {
		s.Secrets = r.secrets(n)
	}
	if n := r.Table(root, "health"); n != nil {
		s.Health.Path = r.Str(n, "path").Or(s.Health.Path)
		s.Health.Timeout = r.duration(n, "timeout", s.Health.Timeout)
	}
	if n := r.Table(root, "smoke"); n != nil {
		s.Smoke = r.smoke(n, s.Smoke)
	}
	if n := r.Table(root, "rollback"); n != nil {
		s.Rollback = r.rollback(n, s.Rollback)
	}
	for _, n := range r.Tables(root, "waive") {
		s.Waivers = append(s.Waivers, r.waiver(n))
	}
}

func (r *settingsReader) secrets(n *document.Node) []Secret {
	var all []Secret
	for _, name := range n.Keys() {
		all = append(all, Secret{Name: name, Workers: texts(r.Strs(n, name)), At: n.Field(name).Place()})
	}
	return all
}

func (r *settingsReader) waiver(n *document.Node) Waiver {
	w := Waiver{Rule: r.Str(n, "rule").V, File: r.Str(n, "file").V, Reason: r.Str(n, "reason").V, At: n.Place()}
	if w.Rule == "" || strings.TrimSpace(w.Reason) == "" {
		r.Add(finding.Errorf("config", w.At, "a waiver needs a rule and a reason").
			Hintf("write rule: with the rule's name and reason: with a sentence that the next reader will understand"))
	}
	return w
}

// duration reads a time such as 90s or 2m.
func (r *settingsReader) duration(table *document.Node, key string, other time.Duration) time.Duration {
	v := r.Str(table, key)
	if !v.Written() {
		return other
	}
	d, err := time.ParseDuration(v.V)
	if err != nil || d <= 0 {
		r.Wrong(table.Field(key), key, "a time such as 90s or 2m")
		return other
	}
	return d
}

func texts(values []document.Value[string]) []string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = v.V
	}
	return list
}

// Waived is a finding with the waivers applied: an error of a waived rule becomes
// a warning that shows the reason.
func (s Settings) Waived(f finding.Finding) finding.Finding {
	for _, w := range s.Waivers {
		if w.covers(f) {
			f.Severity = finding.Warning
			f.Hint = "waived in " + SettingsFile + ": " + w.Reason
		}
	}
	return f
}

func (w Waiver) covers(f finding.Finding) bool {
	return f.Severity == finding.Error && f.Rule == w.Rule && (w.File == "" || w.File == f.At.File)
}

// Unused are warnings for waivers that none of the findings needs, so that no
// waiver outlives what it was written for.
func (s Settings) Unused(all []finding.Finding) []finding.Finding {
	var unused []finding.Finding
	for _, w := range s.Waivers {
		if !slices.ContainsFunc(all, w.covers) {
			unused = append(unused, finding.Warnf("unused-waiver", w.At, "nothing breaks the rule %q that is waived here", w.Rule).
				Hintf("remove the waiver"))
		}
	}
	return unused
}
