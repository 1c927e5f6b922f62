package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/schema"
)

// Proof is what was proven of some migrations on a copy of a schema.
type Proof struct {
	Tables int // of the copy
	Rows   int // tables into which a row could be put
	// Doubts are what the data decides, as notices.
	Doubts []finding.Finding
	// Refused is the statement that fails, nil if none does.
	Refused *Refusal
	// Inhabited are statements that fail if their table has a row.
	Inhabited []*Refusal
}

// String says on what migrations were proven that none refuses.
func (p Proof) String() string {
	if p.Tables == 0 {
		return "proven on an empty schema"
	}
	return fmt.Sprintf("proven on a copy of the schema: %d tables, %d of them with a row", p.Tables, p.Rows)
}

// longest is how long a proof may take. A statement may never end; D1 stops one after
// 30 seconds, see https://developers.cloudflare.com/d1/platform/limits/.
const longest = 30 * time.Second

// Prove applies migrations one after another to a copy of a schema without rows,
// and then to one with a row in each table that takes one. The error is of the
// copy, not of a migration.
func Prove(ctx context.Context, objects []schema.Object, pending []Migration) (Proof, error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	var p Proof
	for _, o := range objects {
		if o.Type == "table" {
			p.Tables++
		}
	}
	empty, err := New(objects...)
	if err != nil {
		return p, err
	}
	defer func() { _ = empty.Close() }() // it is memory
	empty.Until(ctx)
	for _, m := range pending {
		doubts, err := empty.Try(m)
		p.Doubts = append(p.Doubts, doubts...)
		if refused, ok := errors.AsType[*Refusal](err); ok {
			p.Refused = refused
			return p, nil
		}
		if err != nil {
			return p, err
		}
	}
	return p, p.inhabited(ctx, objects, pending)
}

// inhabited tries the same with rows. Only what alters a table is judged by them:
// other statements may contradict rows that nobody has.
func (p *Proof) inhabited(ctx context.Context, objects []schema.Object, pending []Migration) error {
	full, err := New(objects...)
	if err != nil {
		return err
	}
	defer func() { _ = full.Close() }() // it is memory
	full.Until(ctx)
	if p.Rows, err = full.Populate(1); err != nil {
		return err
	}
	for _, m := range pending {
		before, err := full.counts()
		if err != nil {
			return err
		}
		_, err = full.Try(m)
		refused, ok := errors.AsType[*Refusal](err)
		if err != nil && (!ok || refused.Table == "") {
			return nil // the rows are ours; it says nothing of the account
		}
		if ok {
			p.Inhabited = append(p.Inhabited, refused)
			return nil
		}
		after, err := full.counts()
		if err != nil {
			return err
		}
		p.Doubts = append(p.Doubts, taken(m, before, after)...)
	}
	return nil
}

// counts are how many rows each table has.
func (c *Copy) counts() (map[string]int64, error) {
	s, err := c.Shape()
	all := map[string]int64{}
	for _, t := range s.Tables {
		if rows, failed := c.Rows("SELECT count(*) FROM " + schema.Quote(t.Name)); failed == nil {
			all[t.Name] = rows[0][0].(int64)
		}
	}
	return all, err
}

// taken finds tables that lose rows to a file that does not name them: dropping a
// table deletes its rows first, and ON DELETE CASCADE acts whatever is deferred.
// Source: https://sqlite.org/foreignkeys.html#fk_schemacommands.
func taken(m Migration, before, after map[string]int64) []finding.Finding {
	text := schema.Statement(m.SQL)
	at, named := finding.Position{File: m.File, Line: 1}, map[string]bool{}
	for _, p := range slices.Backward(schema.Split(text)) {
		tokens := schema.Tokens(text[p.Start:p.End])
		if tokens[0].Is("DROP") && len(tokens) > 1 && tokens[1].Is("TABLE") {
			at = finding.Span(m.File, []byte(text), p.Start, p.End)
		}
		for _, t := range tokens {
			named[strings.ToLower(t.Name())] = true
		}
	}
	var all []finding.Finding
	for _, table := range slices.Sorted(maps.Keys(before)) {
		if left, ok := after[table]; ok && left < before[table] && !named[strings.ToLower(table)] {
			all = append(all, finding.Warnf("rows-lost", at, "%s deletes rows of table %s, which it does not name: they refer with ON DELETE CASCADE to rows that go", m.Name, table).
				Hintf("put these rows aside and insert them again in the same file; PRAGMA defer_foreign_keys does not hold ON DELETE back"))
		}
	}
	return all
}
