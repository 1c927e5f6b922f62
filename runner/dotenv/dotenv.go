package dotenv

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/tminus/deploy-action/runner/finding"
)

// Entry is one variable of a file.
type Entry struct {
	Name, Value string
	// Expands: a shell would put something else in place of a $ or a backtick.
	Expands bool
	// At is the line on which the name stands.
	At finding.Position
}

// largest is how many bytes a file may have; one that is larger is something else.
const largest = 1 << 20

// Parse reads a file. An entry is given once: the first of those with its name, the
// others are findings. A text whose quote is never closed ends the reading, as what
// comes after it may be part of a value.
func Parse(path string, src []byte) ([]Entry, []finding.Finding) {
	r := &reader{path: path, text: string(bytes.TrimPrefix(src, []byte("\uFEFF"))), line: 1, seen: map[string]finding.Position{}}
	if len(src) > largest {
		return nil, []finding.Finding{r.malformed("the file has more than a megabyte").Hintf("name a file of variables, such as .env")}
	}
	if !utf8.ValidString(r.text) || strings.ContainsRune(r.text, 0) {
		return nil, []finding.Finding{r.malformed("the file is not UTF-8").Hintf("save it as UTF-8; a value of other bytes goes in as base64")}
	}
	r.text = strings.ReplaceAll(r.text, "\r\n", "\n")
	for r.text != "" && !r.lost {
		r.next()
	}
	return r.entries, r.found
}

// reader is a text on its way through the parser.
type reader struct {
	path    string
	text    string // what is left
	line    int
	lost    bool
	entries []Entry
	found   []finding.Finding
	seen    map[string]finding.Position
}

func (r *reader) at() finding.Position { return finding.Position{File: r.path, Line: r.line} }

// malformed is a finding about the line at hand; the text of the line is not in it.
func (r *reader) malformed(what string) finding.Finding {
	return finding.Errorf("env-file", r.at(), "%s", what)
}

// head matches what comes before a value.
var head = regexp.MustCompile(`^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*`)

// next reads one line, or the lines over which a quoted value goes.
func (r *reader) next() {
	line, _, _ := strings.Cut(r.text, "\n")
	trimmed := strings.TrimSpace(line)
	if trimmed == "" || trimmed[0] == '#' {
		r.skip(len(line) + 1)
		return
	}
	m := head.FindStringSubmatch(line)
	if m == nil {
		r.found = append(r.found, r.malformed("this line is no variable").Hintf(`write NAME=value; a value that goes over several lines stands in double quotes`))
		r.skip(len(line) + 1)
		return
	}
	e := Entry{Name: m[1], At: r.at()}
	rest, n, why := r.text[len(m[0]):], 0, ""
	if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
		e.Value, e.Expands, n, why = quoted(rest)
	} else {
		e.Value, n = bare(line[len(m[0]):])
		e.Expands = expands(e.Value)
	}
	if why != "" {
		r.found = append(r.found, r.malformed(why).Hintf(`write one value, in single quotes as it stands, or in double quotes with \" for a quote`))
		if n == 0 {
			r.lost = true
			return
		}
	} else {
		r.add(e)
	}
	r.skip(len(m[0]) + n)
	line, _, _ = strings.Cut(r.text, "\n")
	r.skip(len(line) + 1)
}

// skip goes on by some bytes.
func (r *reader) skip(n int) {
	n = min(n, len(r.text))
	r.line += strings.Count(r.text[:n], "\n")
	r.text = r.text[n:]
}

func (r *reader) add(e Entry) {
	if first, twice := r.seen[e.Name]; twice {
		r.found = append(r.found, finding.Errorf("env-file", e.At, "%s stands twice in the file", e.Name).
			Hintf("leave the one that is meant").See(first))
		return
	}
	r.seen[e.Name] = e.At
	r.entries = append(r.entries, e)
}

// bare reads a value without quotes: to the end of the line, or to a # after a
// blank. It gives how many bytes it took.
func bare(line string) (string, int) {
	if strings.HasPrefix(line, "#") {
		return "", len(line)
	}
	value := line
	for i := 1; i < len(line); i++ {
		if line[i] == '#' && (line[i-1] == ' ' || line[i-1] == '\t') {
			value = line[:i]
			break
		}
	}
	return strings.TrimSpace(value), len(line)
}

// quoted reads a value in quotes and gives how many bytes it took, none if the quote
// is never closed. What is wrong with it is said without showing it.
func quoted(text string) (value string, expanding bool, n int, why string) {
	var b strings.Builder
	quote := text[0]
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == quote:
			rest, _, _ := strings.Cut(text[i+1:], "\n")
			if after := strings.TrimSpace(rest); after != "" && after[0] != '#' {
				return "", false, i + 1, "something stands behind the closing quote"
			}
			return b.String(), expanding, i + 1, ""
		case quote == '"' && c == '\\' && i+1 < len(text):
			i++
			b.WriteString(escaped(text[i]))
		default:
			expanding = expanding || quote == '"' && (c == '`' || c == '$' && expands(text[i:min(i+2, len(text))]))
			b.WriteByte(c)
		}
	}
	return "", false, 0, "a quote is opened here and never closed"
}

// escaped is what a backslash and a letter stand for. What nobody defined stays.
func escaped(c byte) string {
	switch c {
	case 'n':
		return "\n"
	case 'r':
		return "\r"
	case 't':
		return "\t"
	case '"', '\\', '$', '`':
		return string(c)
	case '\n':
		return "" // the line goes on, as in a shell
	}
	return string([]byte{0x5c, c})
}

// expanding matches what a shell would put something else in place of.
var expanding = regexp.MustCompile("[$][A-Za-z0-9_{(]|`")

func expands(value string) bool { return expanding.MatchString(value) }
