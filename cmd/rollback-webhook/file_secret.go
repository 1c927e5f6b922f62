package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tminus/deploy-action/checks/notice"
	"github.com/tminus/deploy-action/runner/finding"
)

// secretNames are the variables that hold secrets. Each may also come from the file that
// is named by the same variable with _FILE, or from systemd's credentials.
var secretNames = []string{
	"WEBHOOK_SECRET", "WEBHOOK_SECRET_PREVIOUS", "GITHUB_TOKEN", "CLOUDFLARE_API_TOKEN", "DATABASE_URL", "PAYLOAD_KEY", "PAYLOAD_KEY_PREVIOUS",
	"SLACK_WEBHOOK_URL", "NOTIFY_WEBHOOK_URL", "NOTIFY_WEBHOOK_SECRET",
}

// longestSecret bounds a file that holds a secret; a larger one is another file.
const longestSecret = 64 << 10

// vault reads secrets and remembers where they were and what was wrong.
type vault struct {
	lookup func(string) (string, bool)
	from   map[string]string
	errs   []error
}

// value is a secret: from its variable, from the file that the variable with _FILE names,
// or from systemd's folder of credentials.
func (v *vault) value(name string) string {
	text, set := v.lookup(name)
	file, other := v.lookup(name + "_FILE")
	set, other = set && text != "", other && file != ""
	switch {
	case set && other:
		v.errs = append(v.errs, fmt.Errorf("both %s and %s_FILE are set: keep one of the two", name, name))
	case set:
		v.from[name] = "variable " + name
		return text
	case other:
		v.from[name] = "file of " + name + "_FILE"
		return v.file(file, name+"_FILE")
	}
	if set || other {
		return ""
	}
	folder, _ := v.lookup("CREDENTIALS_DIRECTORY")
	path := filepath.Join(folder, strings.ToLower(strings.ReplaceAll(name, "_", "-")))
	if folder == "" {
		return ""
	}
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	v.from[name] = "credential " + filepath.Base(path)
	return v.file(path, "the credential "+filepath.Base(path))
}

// file is a secret from a file, without the line's end that editors add.
func (v *vault) file(path, what string) string {
	info, err := os.Stat(path)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > longestSecret) {
		err = fmt.Errorf("%s is no file that holds a secret", path)
	}
	var raw []byte
	if err == nil {
		raw, err = os.ReadFile(path)
	}
	text := string(bytes.TrimRight(raw, "\r\n"))
	if err == nil && text == "" {
		err = fmt.Errorf("%s is empty", path)
	}
	if err != nil {
		v.errs = append(v.errs, fmt.Errorf("%s: %w", what, err))
	}
	return text
}

// tokens reads the secrets that the server needs by itself.
func (v *vault) tokens() tokens {
	base, _ := v.lookup("CLOUDFLARE_API_BASE_URL")
	var keys []string
	for _, name := range []string{"PAYLOAD_KEY", "PAYLOAD_KEY_PREVIOUS"} {
		if key := v.value(name); key != "" {
			keys = append(keys, key)
		}
	}
	return tokens{
		keys:   keys,
		secret: v.value("WEBHOOK_SECRET"), previous: v.value("WEBHOOK_SECRET_PREVIOUS"),
		github: v.value("GITHUB_TOKEN"), api: v.value("CLOUDFLARE_API_TOKEN"), base: base,
	}
}

// destinations are who is notified: those of the file, and those that have variables of
// their own.
func (v *vault) destinations(all []addressee) []notice.Destination {
	var to []notice.Destination
	names := map[string]bool{}
	add := func(d notice.Destination, at finding.Position) {
		_, err := notice.New(d, userAgent)
		if err == nil && names[d.Name] {
			err = fmt.Errorf("notify %s: there are two of this name", d.Name)
		}
		if err != nil {
			v.errs = append(v.errs, finding.Errorf("config", at, "%s", err))
			return
		}
		names[d.Name] = true
		to = append(to, d)
	}
	for _, a := range all {
		before := len(v.errs)
		d := notice.Destination{Name: a.name, Kind: a.kind, Insecure: a.insecure}
		d.URL = v.named(a, "url", a.urlVariable, a.urlFile, true)
		d.Secret = v.named(a, "secret", a.secretVariable, a.secretFile, a.kind == notice.JSON)
		if len(v.errs) == before {
			add(d, a.at)
		}
	}
	if address := v.value("SLACK_WEBHOOK_URL"); address != "" {
		add(notice.Destination{Name: "slack", Kind: notice.Slack, URL: address}, finding.Position{})
	}
	key := v.value("NOTIFY_WEBHOOK_SECRET")
	if address := v.value("NOTIFY_WEBHOOK_URL"); address != "" {
		if key == "" {
			v.errs = append(v.errs, errors.New("NOTIFY_WEBHOOK_SECRET is not set: take one for the receiver to know the news by, at least 16 characters long"))
		} else {
			add(notice.Destination{Name: "webhook", Kind: notice.JSON, URL: address, Secret: key}, finding.Position{})
		}
	}
	return to
}

// named is a secret of an addressee, from the variable or the file that its entry names.
func (v *vault) named(a addressee, what, variable, file string, needed bool) string {
	wrong := func(format string, args ...any) string {
		v.errs = append(v.errs, finding.Errorf("config", a.at, "notify %s: %s", a.name, fmt.Sprintf(format, args...)))
		return ""
	}
	switch {
	case variable != "" && file != "":
		return wrong("it has both %s-variable and %s-file: keep one of the two", what, what)
	case variable != "":
		text, _ := v.lookup(variable)
		if text == "" {
			return wrong("the variable %s that its %s-variable names is not set", variable, what)
		}
		return text
	case file != "":
		before := len(v.errs)
		text := v.file(file, "its "+what+"-file")
		if len(v.errs) > before {
			v.errs[before] = finding.Errorf("config", a.at, "notify %s: %s", a.name, v.errs[before])
		}
		return text
	case needed:
		return wrong("it has neither %s-variable nor %s-file", what, what)
	}
	return ""
}
