package schema

import "strings"

// Piece is one statement of a text, without the spaces and comments around it and
// without the semicolon that ends it. Start and End are byte offsets.
type Piece struct{ Start, End int }

// Split cuts a text into its statements, as SQLite itself knows their ends: at a
// semicolon outside of quotes and comments, and in a trigger at the semicolon
// behind an END that follows a semicolon. Source: https://sqlite.org/c3ref/complete.html.
func Split(sql string) []Piece {
	var all []Piece
	var words []string // the first three of the statement
	start, end := -1, -1
	previous := "" // the token of code before this one
	body := false  // a semicolon inside of a trigger was seen
	for i := 0; i < len(sql); {
		text, code := next(sql[i:])
		n := len(text)
		if !code {
			i += n
			continue
		}
		trigger := creates(words, "TRIGGER")
		if text == ";" && (!trigger || body && strings.EqualFold(previous, "END")) {
			if start >= 0 {
				all = append(all, Piece{start, end})
			}
			start, words, body, previous = -1, nil, false, ""
			i += n
			continue
		}
		if strings.EqualFold(text, "END") {
			if body = previous == ";"; !body {
				text = "" // of a CASE, which ends no trigger
			}
		}
		if start < 0 {
			start = i
		}
		if i, end = i+n, i+n; len(words) < 4 {
			words = append(words, text)
		}
		previous = text
	}
	if start >= 0 {
		all = append(all, Piece{start, end})
	}
	return all
}

// creates tells whether a statement that begins with these words makes a thing.
func creates(words []string, thing string) bool {
	if len(words) < 2 || !strings.EqualFold(words[0], "CREATE") {
		return false
	}
	second := strings.ToUpper(words[1])
	if second == "TEMP" || second == "TEMPORARY" || second == "UNIQUE" || second == "VIRTUAL" {
		return len(words) > 2 && strings.EqualFold(words[2], thing)
	}
	return second == thing
}

// next is the first token of a text, and whether it is code: a word, a quoted
// thing, or a single other character; else a comment or a space.
func next(sql string) (text string, code bool) {
	n, code := token(sql)
	if !code || !inWord(sql[0]) {
		return sql[:n], code
	}
	for n < len(sql) && inWord(sql[n]) {
		n++
	}
	return sql[:n], true
}

// Token is a piece of code in a text: a word, a quoted thing or a single character.
type Token struct {
	Text string
	At   int // byte offset
}

// Is tells whether a token is a word, in whatever case.
func (t Token) Is(word string) bool { return strings.EqualFold(t.Text, word) }

// Name is the token as the name of a thing, without its quotes.
func (t Token) Name() string {
	if len(t.Text) < 2 || !isQuote(t.Text[0]) {
		return t.Text
	}
	inner, q := t.Text[1:len(t.Text)-1], t.Text[:1]
	if q == "[" {
		return inner
	}
	return strings.ReplaceAll(inner, q+q, q)
}

// Quoted tells whether a token is a name in quotes.
func (t Token) Quoted() bool { return t.Text != "" && t.Text[0] != '\'' && isQuote(t.Text[0]) }

// Tokens are the pieces of code of a text.
func Tokens(sql string) []Token {
	var all []Token
	for i := 0; i < len(sql); {
		text, code := next(sql[i:])
		if code {
			all = append(all, Token{text, i})
		}
		i += len(text)
	}
	return all
}

// inWord tells whether a character may stand in a word or a number.
func inWord(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}
