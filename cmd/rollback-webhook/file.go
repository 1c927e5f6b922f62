package main

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/tminus/deploy-action/runner/document"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/secret"
)

// atStart are flags that say what the program does this time; a file has no say in that.
var atStart = strings.Fields("help version config check-config try send-test health")

// settings are what a configuration file says.
type settings struct {
	document.Reader
	values map[string]any // by the name of the flag; nil if the file cannot be read
	notify []addressee
}

// addressee is an entry of notify. Secrets are named, not written.
type addressee struct {
	name, kind                 string
	urlVariable, urlFile       string
	secretVariable, secretFile string
	insecure                   bool
	at                         finding.Position
}

var addresseeKeys = strings.Fields("name kind url-variable url-file secret-variable secret-file insecure")

// readSettings reads a configuration file for some flags. What is wrong in it is in the
// settings' Errors.
func readSettings(file string, flags []*kong.Flag) (*settings, error) {
	s := &settings{}
	if ext := filepath.Ext(file); ext != ".yaml" && ext != ".yml" {
		return s, fmt.Errorf("--config %s: the file's name must end in .yaml", file)
	}
	src, err := os.ReadFile(file)
	if err != nil {
		return s, fmt.Errorf("--config: %w", err)
	}
	return s, s.read(file, src, flags)
}

// read reads the text of a file.
func (s *settings) read(file string, src []byte, flags []*kong.Flag) error {
	root, err := document.Parse(file, src)
	if err != nil {
		return err
	}
	s.values = map[string]any{}
	known := map[string]*kong.Flag{}
	for _, f := range flags {
		if !slices.Contains(atStart, f.Name) {
			known[f.Name] = f
		}
	}
	for _, key := range root.Keys() {
		n := root.Field(key)
		switch f := known[key]; {
		case s.hidden(n, key, f != nil):
		case key == "notify":
			for _, one := range s.Tables(root, key) {
				s.notify = append(s.notify, s.addressee(one))
			}
		case f == nil:
			s.unknown(n, key, known)
		default:
			s.set(n, f)
		}
	}
	return nil
}

// hidden refuses what must not be seen by those who may see the file. A setting is none
// of that by its name.
func (s *settings) hidden(n *document.Node, key string, setting bool) bool {
	variable := strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
	text, _ := n.Scalar.(string)
	switch {
	case slices.Contains(secretNames, variable) && variable != "DATABASE_URL":
	case !setting && key != "database-url" && secret.Like(key, ""):
		variable = "the variable that it is read from"
	case len(passwordsIn(text)) > 0:
		variable = "DATABASE_URL"
	default:
		return false
	}
	s.Add(finding.Errorf("config", n.Place(), "%q is a secret, which does not belong in the file", key).
		Hintf("remove it, change the secret if others have seen the file, and set %s, or the same name with _FILE for a file that holds it", variable))
	return true
}

// passwordsIn are the passwords in an address, as they are written there and as they
// are meant.
func passwordsIn(text string) []string {
	u, err := url.Parse(text)
	if err != nil {
		return nil
	}
	var all []string
	if meant, ok := u.User.Password(); ok && meant != "" {
		before, _, _ := strings.Cut(text, "@"+u.Host)
		_, written, _ := strings.Cut(before[strings.Index(before, "://")+len("://"):], ":")
		all = append(all, meant, written)
	}
	for _, name := range []string{"password", "sslpassword"} { // as Postgres takes them too
		for _, meant := range u.Query()[name] {
			all = append(all, meant, url.PathEscape(meant))
		}
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

// unknown says that nothing reads a key, and what may be meant.
func (s *settings) unknown(n *document.Node, key string, known map[string]*kong.Flag) {
	names := []string{"notify"}
	for name, f := range known {
		names = append(names, name)
		for _, variable := range f.Tag.Envs {
			if strings.EqualFold(strings.ReplaceAll(key, "-", "_"), variable) {
				s.Add(finding.Errorf("config", n.Place(), "there is no setting %q", key).Hintf("did you mean %q?", name))
				return
			}
		}
	}
	slices.Sort(names)
	if slices.Contains(atStart, key) {
		s.Add(finding.Errorf("config", n.Place(), "%q says what to do this time, and does not belong in the file", key).Hintf("give --%s", key))
		return
	}
	var r document.Reader
	r.Unknown(n, key, "the file", names)
	hint := cmp.Or(r.Warnings[0].Hint, "remove it; the settings are "+strings.Join(names, ", "))
	s.Add(finding.Errorf("config", n.Place(), "there is no setting %q", key).Hintf("%s", hint))
}

// set takes the value of a flag, if it is of the flag's kind.
func (s *settings) set(n *document.Node, f *kong.Flag) {
	v := plain(n, f)
	if v == nil || !fits(f, kong.Scan().PushTyped(v, kong.FlagValueToken), v) {
		s.Wrong(n, f.Name, kindOf(f))
		return
	}
	s.values[f.Name] = v
}

// plain is a value as the flag's parser takes it, nil if it is of another kind.
func plain(n *document.Node, f *kong.Flag) any {
	kind, number := f.Target.Kind(), f.Target.CanInt() && f.Target.Type().PkgPath() == ""
	switch v := n.Scalar.(type) {
	case int64:
		if number {
			return fmt.Sprint(v)
		}
	case bool:
		if kind == reflect.Bool {
			return v
		}
	case string:
		if kind != reflect.Slice && kind != reflect.Bool && !number {
			return v
		}
	case nil:
		var list []any
		for _, one := range n.Items() {
			text, ok := one.Scalar.(string)
			if !ok {
				return nil
			}
			list = append(list, text)
		}
		if kind == reflect.Slice && len(list) > 0 {
			return list
		}
	}
	return nil
}

// fits tells whether a flag takes a value.
func fits(f *kong.Flag, scan *kong.Scanner, v any) bool {
	if f.Enum != "" && !slices.Contains(f.EnumSlice(), fmt.Sprint(v)) {
		return false
	}
	return f.Parse(scan, reflect.New(f.Target.Type()).Elem()) == nil
}

// kindOf says what a flag's value must be.
func kindOf(f *kong.Flag) string {
	t := f.Target.Type()
	switch {
	case f.Enum != "":
		return "one of " + strings.Join(f.EnumSlice(), ", ")
	case t == reflect.TypeFor[slog.Level]():
		return "one of debug, info, warn, error"
	case t == reflect.TypeFor[time.Duration]():
		return "a time such as 90s or 10m"
	case t.Kind() == reflect.Slice:
		return "a list of texts"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case f.Target.CanInt():
		return "a number"
	}
	return "a text in quotes"
}

func (s *settings) addressee(n *document.Node) addressee {
	for _, key := range n.Keys() {
		switch {
		case slices.Contains(addresseeKeys, key):
		case key == "url" || key == "secret":
			s.Add(finding.Errorf("config", n.Field(key).Place(), "%q is a secret, which does not belong in the file", key).
				Hintf("write %s-variable with the name of a variable that holds it, or %s-file with the path of a file", key, key))
		default:
			var r document.Reader
			r.Unknown(n.Field(key), key, "notify", addresseeKeys)
			hint := cmp.Or(r.Warnings[0].Hint, "remove it; the keys are "+strings.Join(addresseeKeys, ", "))
			s.Add(finding.Errorf("config", n.Field(key).Place(), "notify has no key %q", key).Hintf("%s", hint))
		}
	}
	text := func(key string) string { return s.Str(n, key).V }
	return addressee{
		name: text("name"), kind: text("kind"), urlVariable: text("url-variable"), urlFile: text("url-file"),
		secretVariable: text("secret-variable"), secretFile: text("secret-file"), insecure: s.Bool(n, "insecure").V, at: n.Place(),
	}
}

// resolver gives the file's values to flags that neither the command line nor a variable
// sets.
func (s *settings) resolver(lookup func(string) (string, bool)) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, f *kong.Flag) (any, error) {
		if _, ok := variableOf(f, lookup); ok {
			return nil, nil
		}
		if v, ok := s.values[f.Name]; ok {
			return v, nil
		}
		return nil, nil
	})
}

// variableOf is the variable that sets a flag.
func variableOf(f *kong.Flag, lookup func(string) (string, bool)) (string, bool) {
	for _, name := range f.Tag.Envs {
		if _, ok := lookup(name); ok {
			return name, true
		}
	}
	return "", false
}
