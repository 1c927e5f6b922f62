package bundle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// ByWrangler has the project's own wrangler make the bundle, as its dry run
// does, and reads what it wrote. The configuration file is relative to o.Dir; env
// is the wrangler environment. The process gets exactly the given variables.
func ByWrangler(ctx context.Context, o Options, config, env string, variables []string) (*Bundle, error) {
	home := WranglerDir(o.Dir, o.Root)
	if home == "" {
		return nil, ErrNoWrangler
	}
	out, err := os.MkdirTemp("", "bundle-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(out)
	cmd := exec.CommandContext(ctx, "node", filepath.Join(home, "bin", "wrangler.js"),
		"deploy", "--dry-run", "--outdir", out, "--config", config, "--env", env)
	cmd.Dir = o.Dir
	cmd.Env = append(variables, "WRANGLER_SEND_METRICS=false", "WRANGLER_HIDE_BANNER=true", "CI=true", "NO_COLOR=1",
		"WRANGLER_LOG_PATH="+filepath.Join(out, "log"))
	text, err := cmd.CombinedOutput()
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, &Error{Problems: o.wranglerProblems(string(text))}
	}
	if err != nil {
		return nil, fmt.Errorf("run wrangler: %w", err)
	}
	return o.readOutdir(out)
}

var wranglerPlace = regexp.MustCompile(`(?m)^\s+(\S+):(\d+):(\d+):\s*$`)

// wranglerProblems finds the complaints in what wrangler printed.
func (o Options) wranglerProblems(text string) []Problem {
	var all []Problem
	var last Problem
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if _, message, ok := strings.Cut(line, "[ERROR] "); ok {
			all = append(all, Problem{Text: strings.TrimSpace(message)})
		}
		if m := wranglerPlace.FindStringSubmatch(line); m != nil && len(all) > 0 && all[len(all)-1].File == "" {
			last = all[len(all)-1]
			last.File = o.rel(filepath.Join(o.Dir, m[1]))
			last.Line, _ = strconv.Atoi(m[2])
			last.Column, _ = strconv.Atoi(m[3])
			last.Column++
			all[len(all)-1] = last
		}
	}
	if len(all) == 0 {
		all = append(all, Problem{Text: "wrangler could not bundle the Worker: " + tail(text, 600)})
	}
	return all
}

func tail(s string, n int) string {
	s = strings.TrimSpace(s)
	if len(s) > n {
		s = "…" + s[len(s)-n:]
	}
	return s
}

// readOutdir takes the modules that wrangler wrote. Their kinds follow from the
// rules, and from their endings.
func (o Options) readOutdir(out string) (*Bundle, error) {
	b := &Bundle{Worker: o.Worker, Main: mainName(o.Entry), By: "wrangler"}
	rules, _ := effective(o.Rules)
	err := filepath.WalkDir(out, func(file string, e os.DirEntry, err error) error {
		name, relErr := filepath.Rel(out, file)
		if err != nil || relErr != nil || e.IsDir() || name == "README.md" || name == "bundle-meta.json" || strings.HasPrefix(name, "log") {
			return errors.Join(err, relErr)
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if strings.HasSuffix(name, ".js.map") {
			b.SourceMap = content
			if o.Emit.SourceMaps {
				b.Modules = append(b.Modules, Module{Name: name, Kind: SourceMap, Content: portable(content, o)})
			}
			return nil
		}
		if hashed.MatchString(name) {
			name = "./" + name
		}
		b.Modules = append(b.Modules, Module{Name: name, Kind: kindOf(rules, name), Content: content})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read wrangler's output: %w", err)
	}
	b.sortModules()
	if len(b.Modules) == 0 || b.Modules[0].Name != b.Main {
		return nil, fmt.Errorf("wrangler wrote no module %s", b.Main)
	}
	b.Exports, b.Reads = shapes(b.Modules[0].Content, exported(b.Modules[0].Content))
	return b, nil
}

var hashed = regexp.MustCompile(`^[0-9a-f]{40}-`)

func mainName(entry string) string {
	base := filepath.Base(entry)
	if filepath.Ext(base) == ".py" {
		return base
	}
	return strings.TrimSuffix(base, filepath.Ext(base)) + ".js"
}

// kindOf is the kind that the rules give a module by its name.
func kindOf(rules []Rule, name string) Kind {
	switch filepath.Ext(name) {
	case ".js", ".mjs":
		return ESModule
	case ".cjs":
		return CommonJS
	}
	for _, r := range rules {
		for _, glob := range r.Globs {
			if ok, _ := regexp.MatchString(globRegexp(glob), "./"+name); ok {
				return r.Kind
			}
		}
	}
	return Data
}

// portable makes the sources of a map relative to the project, so that its bytes
// do not depend on where wrangler wrote it.
func portable(raw []byte, o Options) []byte {
	var m map[string]any
	if json.Unmarshal(raw, &m) != nil {
		return raw
	}
	delete(m, "sourceRoot")
	sources, _ := m["sources"].([]any)
	for i, s := range sources {
		text, _ := s.(string)
		if at := strings.Index(text, filepath.ToSlash(strings.TrimPrefix(o.Root, "/"))); at >= 0 {
			sources[i] = strings.TrimPrefix(text[at+len(strings.TrimPrefix(o.Root, "/")):], "/")
		}
	}
	if out, err := json.Marshal(m); err == nil {
		return out
	}
	return raw
}
