package rehearsal

import (
	"fmt"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/schema"
)

// Migration is one file.
type Migration struct {
	Name string // as the ledger has it
	File string // where it is, relative to the project
	SQL  string
}

// Refusal is a statement that fails, whatever the data.
type Refusal struct {
	Migration Migration
	At        finding.Position
	Reason    string
	// Statement is its text; Table what it alters, if it alters a table.
	Statement, Table string
}

// Error implements error.
func (r *Refusal) Error() string { return r.Reason }

// Try applies one file as D1 would, as one transaction. What it says is what the
// data will decide. The error is a *Refusal if a statement fails; then nothing of
// the file is there.
func (c *Copy) Try(m Migration) (doubts []finding.Finding, err error) {
	doubts, err = c.transact(m)
	if !constraint(err) {
		return doubts, err
	}
	// Rows that refer to others that only the account has: without them the end of
	// the transaction cannot be judged.
	if err := c.Run("PRAGMA foreign_keys = OFF"); err != nil {
		return nil, err
	}
	doubts, err = c.transact(m)
	doubts = append(doubts, doubt(finding.Position{File: m.File, Line: 1}, "whether the rows of %s refer to rows that are there is not proven", m.Name))
	if on := c.Run("PRAGMA foreign_keys = ON"); err == nil {
		err = on
	}
	return doubts, err
}

func (c *Copy) transact(m Migration) (doubts []finding.Finding, err error) {
	if err := c.Run("BEGIN"); err != nil {
		return nil, err
	}
	text := schema.Statement(m.SQL)
	for _, p := range schema.Split(text) {
		found, err := c.statement(m, text, p)
		if err != nil {
			if !c.conn.AutocommitEnabled() {
				_ = c.Run("ROLLBACK") // the error to tell is the statement's
			}
			return nil, err
		}
		doubts = append(doubts, found...)
	}
	if err := c.Run("COMMIT"); err != nil {
		_ = c.Run("ROLLBACK")
		return doubts, err
	}
	return doubts, nil
}

func constraint(err error) bool {
	return err != nil && sqlite.ErrCode(err).ToPrimary() == sqlite.ResultConstraint
}

// statement runs one statement of a file.
func (c *Copy) statement(m Migration, text string, p schema.Piece) ([]finding.Finding, error) {
	sql := text[p.Start:p.End]
	tokens := schema.Tokens(sql)
	at := finding.Span(m.File, []byte(text), p.Start, p.Start+len(tokens[0].Text))
	refuse := func(at finding.Position, format string, args ...any) error {
		return &Refusal{Migration: m, At: at, Reason: fmt.Sprintf(format, args...), Statement: sql, Table: altered(tokens)}
	}
	if why, word := unseen(tokens); why != "" {
		start := p.Start + word.At
		return nil, refuse(finding.Span(m.File, []byte(text), start, start+len(word.Text)), "%s", why)
	}
	if slices.Contains([]string{"BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"}, strings.ToUpper(tokens[0].Text)) {
		return nil, refuse(at, "D1 refuses %s: a migration is one transaction already", strings.ToUpper(tokens[0].Text))
	}
	quoted, err := c.execute(m, text, p)
	switch {
	case err == nil:
		return append(quoted, doubts(tokens, at)...), nil
	case sqlite.ErrCode(err).ToPrimary() == sqlite.ResultInterrupt:
		return nil, fmt.Errorf("%s takes too long: %w", m.Name, err)
	case c.Lenient && changes(tokens):
		return nil, nil
	case c.denied != "":
		return nil, refuse(at, "D1 refuses %s", c.denied)
	case constraint(err) && !c.certain(err, tokens):
		return []finding.Finding{doubt(at, "this statement of %s needs data that the copy has not: %s", m.Name, said(err))}, nil
	}
	if offset, ok := sqlite.ErrorOffset(err); ok && offset < len(sql) && sql[offset:] != ";" {
		start := p.Start + offset
		return nil, refuse(finding.Span(m.File, []byte(text), start, start+width(tokens, offset)), "%s", said(err))
	}
	if place := schema.Place(m.File, sql, said(err)); place.Column > 0 {
		word := wordAt(sql, place)
		if sql[word:] == ";" { // ours, behind the end of the file
			return nil, refuse(at, "%s", said(err))
		}
		return nil, refuse(finding.Span(m.File, []byte(text), p.Start+word, p.Start+word+width(tokens, word)), "%s", said(err))
	}
	return nil, refuse(at, "%s", said(err))
}

// execute runs a statement. A text in double quotes, which SQLite tells from a name
// only if it was built to do so, as D1's may be, is taken for one and told.
func (c *Copy) execute(m Migration, text string, p schema.Piece) (quoted []finding.Finding, err error) {
	sql := text[p.Start:p.End]
	if err := c.bracketed(sql); err != nil {
		if c.Lenient {
			return nil, err
		}
		at := finding.Span(m.File, []byte(text), p.Start, p.End)
		quoted = append(quoted, finding.Warnf("double-quotes", at, "a name in double quotes is that of no column, and is taken for a text: %s", said(err)).
			Hintf("correct the name, or write a text in single quotes"))
	}
	for grown := 0; ; {
		c.did, c.denied = nil, ""
		_, err := c.step(sql)
		offset, ok := sqlite.ErrorOffset(err)
		if err == nil || !ok || !strings.Contains(err.Error(), "string literal in single-quotes") {
			return quoted, err
		}
		tokens := schema.Tokens(sql)
		i := slices.IndexFunc(tokens, func(t schema.Token) bool { return t.At == offset && t.Quoted() })
		if i < 0 {
			return quoted, err
		}
		t := tokens[i]
		at := finding.Span(m.File, []byte(text), p.Start+t.At-grown, p.Start+t.At-grown+len(t.Text))
		quoted = append(quoted, finding.Warnf("double-quotes", at, "%s is the name of no column, and D1 may not take it for a text", t.Text).
			Hintf("write a text in single quotes"))
		literal := literal(t.Name())
		grown += len(literal) - len(t.Text)
		sql = sql[:t.At] + literal + sql[t.At+len(t.Text):]
	}
}

// bracketed tells whether an index is on something that is no column. SQLite takes
// such a name in double quotes for a text, but never one in brackets.
func (c *Copy) bracketed(sql string) error {
	c.did, c.denied = nil, ""
	tokens := schema.Tokens(sql)
	if !tokens[0].Is("CREATE") || len(tokens) < 3 || !tokens[1].Is("INDEX") && !tokens[2].Is("INDEX") {
		return nil
	}
	text := []byte(sql)
	for _, t := range tokens {
		if t.Text[0] == '"' && len(t.Text) > 2 && !strings.ContainsAny(t.Name(), `]"`) {
			text[t.At], text[t.At+len(t.Text)-1] = '[', ']'
		}
	}
	stmt, _, err := c.conn.PrepareTransient(string(text))
	if err == nil {
		return stmt.Finalize()
	}
	if strings.Contains(err.Error(), "no such column") {
		return err
	}
	return nil // what else is wrong is found when it runs
}

// wordAt is the offset of a place in a text.
func wordAt(sql string, at finding.Position) int {
	offset := 0
	for range at.Line - 1 {
		offset += strings.IndexByte(sql[offset:], '\n') + 1
	}
	for range at.Column - 1 {
		_, n := nextRune(sql[offset:])
		offset += n
	}
	return offset
}

func nextRune(s string) (rune, int) {
	for i := range s {
		if i > 0 {
			return 0, i
		}
	}
	return 0, len(s)
}

// width is the length of the token that stands at an offset.
func width(tokens []schema.Token, offset int) int {
	for _, t := range tokens {
		if t.At == offset {
			return len(t.Text)
		}
	}
	return 1
}

// said is what SQLite says, without what the library puts around it.
func said(err error) string {
	text := err.Error()
	code := sqlite.ErrCode(err)
	if _, after, ok := strings.Cut(text, code.Message()+": "); ok {
		return after
	}
	return strings.TrimPrefix(text, "sqlite: ")
}

// constraintDatatype is SQLITE_CONSTRAINT_DATATYPE, a value that a STRICT table refuses.
const constraintDatatype = sqlite.ResultConstraint | 12<<8

// certain tells whether a broken constraint is broken by the statement alone: by
// what it says itself, with nothing read from a table.
func (c *Copy) certain(err error, tokens []schema.Token) bool {
	for _, a := range c.did {
		if a.Type() == sqlite.OpRead || a.Type() == sqlite.OpSelect {
			return false
		}
	}
	switch sqlite.ErrCode(err) {
	case sqlite.ResultConstraintNotNull, sqlite.ResultConstraintCheck, constraintDatatype:
		return tokens[0].Is("INSERT") || tokens[0].Is("REPLACE")
	}
	return false
}

// doubts are what the data decides about a statement that went well here.
func doubts(tokens []schema.Token, at finding.Position) []finding.Finding {
	if tokens[0].Is("CREATE") && len(tokens) > 1 && tokens[1].Is("UNIQUE") {
		f := doubt(at, "whether the rows that are there are unique is not proven")
		f.Rule = Unique
		return []finding.Finding{f}
	}
	return nil
}

// Unique is the rule of the doubt about a statement that went well and does not if
// rows of the account are the same.
const Unique = "unproven-unique"

func doubt(at finding.Position, format string, args ...any) finding.Finding {
	return finding.Notef("unproven", at, format, args...).Hintf("a copy of the schema has none of the data; D1 decides when the migration is applied, wholly or not at all")
}

// changes tells whether a statement changes data and no schema.
func changes(tokens []schema.Token) bool {
	for _, word := range []string{"INSERT", "REPLACE", "UPDATE", "DELETE", "WITH"} {
		if tokens[0].Is(word) {
			return true
		}
	}
	return false
}

// altered is the table of an ALTER TABLE, else nothing.
func altered(tokens []schema.Token) string {
	if len(tokens) > 2 && tokens[0].Is("ALTER") && tokens[1].Is("TABLE") {
		return tokens[2].Name()
	}
	return ""
}

// unseen tells why D1 would cut a trigger in two: it knows its body only by BEGIN
// and END in capitals. Source: cloudflare/workers-sdk, issues 14991 and 15314.
func unseen(tokens []schema.Token) (why string, word schema.Token) {
	if len(tokens) < 4 || !tokens[0].Is("CREATE") || !tokens[1].Is("TRIGGER") && !tokens[2].Is("TRIGGER") {
		return "", schema.Token{}
	}
	const say = "D1 cuts this trigger in two: it knows the body only by BEGIN, CASE and END in capitals"
	for _, t := range tokens {
		for _, keyword := range []string{"BEGIN", "CASE", "END"} {
			if t.Is(keyword) && t.Text != keyword {
				return say, t
			}
		}
	}
	return "", schema.Token{}
}
