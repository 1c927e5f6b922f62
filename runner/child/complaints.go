package child

import (
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
)

// Complaints collects what compilers say in the output of a build. The zero
// value is ready; feed it every line.
type Complaints struct {
	found []finding.Finding
	// pending is an esbuild error whose place comes on a later line.
	pending string
}

var (
	// pnpm -r puts the package's folder and the script's name before each line.
	prefixed = regexp.MustCompile(`^(\S+) [\w:.-]+: (.*)$`)
	ansi     = regexp.MustCompile(`\x1b\[[0-9;]*m`)
	// src/a.ts(3,7): error TS2322: …
	tscPlain = regexp.MustCompile(`^(\S.*?)\((\d+),(\d+)\): error (TS\d+): (.*)$`)
	// src/a.ts:3:7 - error TS2322: …
	tscPretty = regexp.MustCompile(`^(\S.*?):(\d+):(\d+) - error (TS\d+): (.*)$`)
	// ✘ [ERROR] Could not resolve "x"
	esbuildError = regexp.MustCompile(`\[ERROR\] (.*)$`)
	esbuildPlace = regexp.MustCompile(`^\s+(\S.*?):(\d+):(\d+):$`)
)

// Line takes one line of output.
func (c *Complaints) Line(line string) {
	line = ansi.ReplaceAllString(line, "")
	folder := ""
	if m := prefixed.FindStringSubmatch(line); m != nil && !strings.Contains(m[1], "(") {
		folder, line = m[1], m[2]
	}
	for _, form := range []*regexp.Regexp{tscPlain, tscPretty} {
		if m := form.FindStringSubmatch(line); m != nil {
			c.add("typescript", folder, m[1], m[2], m[3], m[4]+": "+m[5])
			return
		}
	}
	if m := esbuildError.FindStringSubmatch(line); m != nil {
		c.pending = m[1]
		return
	}
	if m := esbuildPlace.FindStringSubmatch(line); m != nil && c.pending != "" {
		column, _ := strconv.Atoi(m[3])
		c.add("bundle", folder, m[1], m[2], strconv.Itoa(column+1), c.pending)
		c.pending = ""
	}
}

func (c *Complaints) add(rule, folder, file, line, column, message string) {
	at := finding.Position{File: path.Join(folder, strings.ReplaceAll(file, `\`, "/"))}
	at.Line, _ = strconv.Atoi(line)
	at.Column, _ = strconv.Atoi(column)
	if path.IsAbs(file) {
		at = finding.Position{} // a place outside the project is nobody's line
		message = file + ": " + message
	}
	f := finding.Errorf(rule, at, "%s", message).Hintf("correct the code; the build's own message stands in the log")
	for _, old := range c.found {
		if old.At == f.At && old.Message == f.Message {
			return
		}
	}
	c.found = append(c.found, f)
}

// Findings are the complaints so far, in the order in which they came.
func (c *Complaints) Findings() []finding.Finding { return c.found }
