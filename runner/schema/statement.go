package schema

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
)

// Statement makes the text of a migration fit to be sent with something behind
// it: lines end in LF outside of quotes, as D1 needs it for triggers, and the last
// statement is ended if the file does not do it. Text without any statement
// becomes empty.
func Statement(sql string) string {
	sql = strings.TrimPrefix(sql, "\ufeff")
	clean, last := scan(sql)
	switch last {
	case 0:
		return ""
	case ';':
		return clean
	}
	return clean + "\n;"
}

// scan walks over SQL, with CRLF outside of quotes made LF, and tells the last
// character that is neither space nor comment; 0 if there is none.
func scan(sql string) (clean string, last byte) {
	var b strings.Builder
	for i := 0; i < len(sql); {
		n, code := token(sql[i:])
		text := sql[i : i+n]
		if !isQuote(text[0]) {
			text = strings.ReplaceAll(text, "\r\n", "\n")
		}
		b.WriteString(text)
		if code {
			last = text[0] // a quoted thing, ended or not, ends no statement
		}
		i += n
	}
	return b.String(), last
}

func isQuote(c byte) bool { return c == '\'' || c == '"' || c == '`' || c == '[' }

// token is the length of the next piece of SQL, a comment, a quoted thing, a
// line end or a single character, and whether it is code.
func token(sql string) (n int, code bool) {
	switch {
	case strings.HasPrefix(sql, "--"):
		return until(sql, "\n"), false
	case strings.HasPrefix(sql, "/*"):
		return until(sql, "*/"), false
	case strings.HasPrefix(sql, "\r\n"):
		return 2, false
	case sql[0] == '[':
		return until(sql, "]"), true
	case isQuote(sql[0]):
		return quoted(sql), true
	}
	return 1, !strings.ContainsRune(" \t\r\n\f", rune(sql[0]))
}

// until is the length up to and with an ending, or of all that is left.
func until(sql, end string) int {
	if at := strings.Index(sql[1:], end); at >= 0 {
		return 1 + at + len(end)
	}
	return len(sql)
}

// quoted is the length of a quoted text, in which a doubled quote stands for one.
func quoted(sql string) int {
	for i := 1; i < len(sql); i++ {
		if sql[i] != sql[0] {
			continue
		}
		if i+1 < len(sql) && sql[i+1] == sql[0] {
			i++
			continue
		}
		return i + 1
	}
	return len(sql)
}

var (
	nearToken = regexp.MustCompile(`near "((?:[^"\\]|\\.)+)"`)
	atOffset  = regexp.MustCompile(`at offset (\d+)`)
	named     = regexp.MustCompile(`(?:no such (?:table|column|index|view|trigger|function)|duplicate column name|table|index|trigger|view): ?"?([A-Za-z_][\w.]*)|(?:table|index|trigger|view) "?([A-Za-z_]\w*)"? already exists`)
)

// Place finds the line of a migration that the database complains about, as well
// as its message allows: by the offset if the text near it is really there, else
// by the first mention of what the message names, else the first line.
func Place(file, sql, message string) finding.Position {
	whole := finding.Position{File: file, Line: 1}
	word := ""
	if m := nearToken.FindStringSubmatch(message); m != nil {
		word = m[1]
	} else if m := named.FindStringSubmatch(message); m != nil {
		word = m[1] + m[2]
		word = word[strings.LastIndexByte(word, '.')+1:]
	}
	if word == "" {
		return whole
	}
	if m := atOffset.FindStringSubmatch(message); m != nil {
		at, _ := strconv.Atoi(m[1])
		if at < len(sql) && strings.HasPrefix(sql[at:], word) {
			return finding.Span(file, []byte(sql), at, at+len(word))
		}
	}
	for i := 0; i < len(sql); {
		n, code := token(sql[i:])
		if code && wordAt(sql, i, word) {
			return finding.Span(file, []byte(sql), i, i+len(word))
		}
		i += n
	}
	return whole
}

// wordAt tells whether a whole word stands at a place, in whatever case.
func wordAt(sql string, at int, word string) bool {
	end := at + len(word)
	if end > len(sql) || !strings.EqualFold(sql[at:end], word) {
		return false
	}
	in := func(i int) bool { return i >= 0 && i < len(sql) && inWord(sql[i]) }
	return !in(at) || !in(at-1) && !in(end)
}
