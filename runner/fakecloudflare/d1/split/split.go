// Package split cuts the text of a D1 request into statements as D1's server
// does, which is not quite as SQLite would.
package split

import "strings"

// Statements cuts a request's text into statements as D1's server does. Semicolons
// in strings, quoted names, comments and the body of a trigger do not cut. A
// trigger's body is known only by BEGIN and END in upper case, and BEGIN only
// when a space, a tab or a line feed follows: `begin`, or BEGIN before a
// carriage return, leaves a trigger cut in half ("incomplete input"), see
// https://github.com/cloudflare/workers-sdk/issues/15314. Pieces without a
// statement are left out; joining all pieces and what was cut gives the text back.
func Statements(sql string) []string {
	s := splitter{text: sql}
	for s.at < len(s.text) {
		s.step()
	}
	s.cut(len(s.text))
	return s.pieces
}

type splitter struct {
	text      string
	at, start int // where reading is, where the current statement began
	words     int // words seen in the current statement
	trigger   bool
	depth     int // of BEGIN and CASE inside a trigger
	pieces    []string
}

func (s *splitter) step() {
	rest := s.text[s.at:]
	switch c := rest[0]; {
	case c == '\'' || c == '"' || c == '`':
		s.words++
		s.skip(1 + closing(rest[1:], string(c)))
	case strings.HasPrefix(rest, "--"):
		s.skip(closing(rest, "\n"))
	case strings.HasPrefix(rest, "/*"):
		s.skip(2 + closing(rest[2:], "*/"))
	case c == ';' && s.depth == 0:
		s.cut(s.at)
		s.at++
		s.start, s.words, s.trigger = s.at, 0, false
	case letter(c):
		s.word()
	default:
		if c > ' ' {
			s.words++
		}
		s.at++
	}
}

// closing returns the length up to and including the marker, or all of the text without one.
func closing(text, marker string) int {
	if i := strings.Index(text, marker); i >= 0 {
		return i + len(marker)
	}
	return len(text)
}

func (s *splitter) skip(n int) { s.at = min(s.at+n, len(s.text)) }

func (s *splitter) word() {
	end := s.at
	for end < len(s.text) && (letter(s.text[end]) || '0' <= s.text[end] && s.text[end] <= '9') {
		end++
	}
	word := s.text[s.at:end]
	s.words++
	if s.words <= 3 && strings.EqualFold(word, "TRIGGER") && s.created() {
		s.trigger = true
	}
	if s.trigger {
		s.compound(word, end)
	}
	s.at = end
}

// compound follows BEGIN, CASE and END inside a trigger.
func (s *splitter) compound(word string, end int) {
	blankBefore := s.at > 0 && strings.IndexByte(" \t\n", s.text[s.at-1]) >= 0
	next := byte(' ')
	if end < len(s.text) {
		next = s.text[end]
	}
	switch {
	case word == "BEGIN" && s.depth == 0 && blankBefore && strings.IndexByte(" \t\n", next) >= 0:
		s.depth = 1
	case word == "CASE" && s.depth > 0:
		s.depth++
	case word == "END" && s.depth > 0:
		s.depth--
	}
}

// created says whether the current statement begins with CREATE, with TEMP or TEMPORARY perhaps.
func (s *splitter) created() bool {
	words := strings.Fields(strings.ToUpper(Bare(s.text[s.start:s.at])))
	return len(words) > 0 && words[0] == "CREATE"
}

func (s *splitter) cut(end int) {
	piece := s.text[s.start:end]
	if strings.Trim(Bare(piece), space) != "" {
		s.pieces = append(s.pieces, strings.Trim(piece, space))
	}
}

// Bare drops comments that stand before the first other character.
func Bare(sql string) string {
	for {
		sql = strings.TrimLeft(sql, " \t\r\n\f\v")
		switch {
		case strings.HasPrefix(sql, "--"):
			sql = sql[closing(sql, "\n"):]
		case strings.HasPrefix(sql, "/*"):
			sql = sql[min(2+closing(sql[2:], "*/"), len(sql)):]
		default:
			return sql
		}
	}
}

func letter(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= 0x80
}

// FirstWord returns the word a statement begins with, in upper case.
func FirstWord(sql string) string {
	sql = Bare(sql)
	end := 0
	for end < len(sql) && letter(sql[end]) {
		end++
	}
	return strings.ToUpper(sql[:end])
}

// space is what SQL takes for space: other alphabets' spaces are names to it.
const space = " \t\r\n\f\v"
