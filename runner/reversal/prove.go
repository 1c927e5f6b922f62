package reversal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/rehearsal"
	"github.com/tminus/deploy-action/runner/schema"
)

// rowsEach is how many rows a table gets for a proof: two, so that what must be
// unique can be found not to be.
const rowsEach = 2

// Prove replays all files with rows in their tables, applies the reverse under its
// name behind them, and wants the schema that was there without the migration and
// every row in it. What it says is what only the data decides.
func (r *Reverse) Prove(ctx context.Context, name, file string) ([]finding.Finding, error) {
	var why error
	for _, rows := range []fill{fillBefore | fillAfter, fillBefore, fillNever} {
		c, err := r.base(ctx, rows)
		if c == nil || err != nil {
			if err != nil {
				return nil, err
			}
			continue
		}
		empty, err := r.try(c, rehearsal.Migration{Name: name, File: file, SQL: r.SQL}, r.want, rows != fillNever)
		if _, data := errors.AsType[*dataError](err); data {
			if why == nil {
				why = err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		return r.unproven(file, empty, why), nil
	}
	return nil, r.refused("%s", why)
}

// fill is when tables get rows.
type fill uint8

const (
	fillNever  fill = 0
	fillBefore fill = 1 // before the migration, so that it acts on them
	fillAfter  fill = 2 // behind all files, into what is still empty
)

// dataError is a reverse that fails on rows that were made up.
type dataError struct{ error }

func (r *Reverse) refused(format string, args ...any) error {
	return finding.Errorf("not-reversible", finding.Position{File: r.Of.File, Line: 1}, "the reverse of "+r.Of.Name+" does not hold: "+format, args...).
		Hintf("write the compensation by hand; nothing was written")
}

// base is the schema of all files with rows, nil if the files do not go through with
// them.
func (r *Reverse) base(ctx context.Context, rows fill) (*rehearsal.Copy, error) {
	c, err := rehearsal.New()
	if err != nil {
		return nil, err
	}
	c.Until(ctx)
	for i, m := range r.files {
		if i == r.index && rows&fillBefore != 0 {
			if _, err := c.Populate(rowsEach); err != nil {
				return nil, errors.Join(err, c.Close())
			}
		}
		if _, err := c.Try(m); err != nil {
			return nil, c.Close()
		}
	}
	s, err := c.Shape()
	if err == nil && rows&fillAfter != 0 {
		_, err = c.Populate(rowsEach)
	}
	if err != nil || len(s.Differences(r.has)) > 0 {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// try applies the reverse to a copy, which it closes. It gives the tables that had
// no row although rows were wanted.
func (r *Reverse) try(c *rehearsal.Copy, m rehearsal.Migration, want rehearsal.Shape, rows bool) (empty []string, err error) {
	defer func() { _ = c.Close() }() // it is memory
	before, err := c.Clone()
	if err != nil {
		return nil, err
	}
	defer func() { _ = before.Close() }() // it is memory
	doubts, err := c.Try(m)
	if refused, ok := errors.AsType[*rehearsal.Refusal](err); ok {
		return nil, r.refused("%s, in: %s", refused.Reason, strings.Join(strings.Fields(refused.Statement), " "))
	}
	if err != nil {
		return nil, err
	}
	doubts = slices.DeleteFunc(doubts, func(f finding.Finding) bool { return f.Rule == rehearsal.Unique })
	if len(doubts) > 0 {
		return nil, &dataError{fmt.Errorf("with rows in the tables, %s", doubts[0].Message)}
	}
	after, err := c.Shape()
	if err != nil {
		return nil, err
	}
	if d := after.Differences(want); len(d) > 0 {
		return nil, r.refused("%s would not be as before", strings.Join(d, ", "))
	}
	// A key that refers to what cannot be referred to is none of ours; then SQLite
	// checks none.
	if bad, _ := c.Rows("PRAGMA foreign_key_check"); len(bad) > 0 {
		return nil, &dataError{fmt.Errorf("with rows in the tables, %d would refer to rows that are gone", len(bad))}
	}
	return r.kept(before, c, rows)
}

// kept wants every row of the tables that stay, in the columns that stay.
func (r *Reverse) kept(before, after *rehearsal.Copy, rows bool) (empty []string, err error) {
	old, err := before.Shape()
	if err != nil {
		return nil, err
	}
	now, err := after.Shape()
	if err != nil {
		return nil, err
	}
	for _, t := range now.Tables {
		was, ok := old.Table(r.later(t.Name))
		if !ok || t.Virtual {
			continue
		}
		var from, to []string
		for _, c := range t.Columns {
			if o, ok := was.Column(r.laterColumn(t.Name, was.Name, c.Name)); ok && o.Type == c.Type {
				from, to = append(from, schema.Quote(o.Name)), append(to, schema.Quote(c.Name))
			}
		}
		a, err := content(before, was.Name, from)
		if err != nil {
			return nil, err
		}
		b, err := content(after, t.Name, to)
		if err != nil {
			return nil, err
		}
		if !slices.Equal(a, b) {
			return nil, r.refused("rows of table %s would be lost or changed", t.Name)
		}
		if same, _ := r.has.Table(t.Name); rows && len(a) == 0 && !same.Same(t) {
			empty = append(empty, t.Name)
		}
	}
	return empty, nil
}

// content are the rows of a table, sorted.
func content(c *rehearsal.Copy, table string, columns []string) ([]string, error) {
	expressions := []string{"1"}
	for _, name := range columns {
		expressions = append(expressions, "quote("+name+")")
	}
	rows, err := c.Rows("SELECT " + strings.Join(expressions, ", ") + " FROM " + schema.Quote(table))
	var all []string
	for _, row := range rows {
		all = append(all, fmt.Sprint(row))
	}
	slices.Sort(all)
	return all, err
}

// unproven says what a proof leaves open.
func (r *Reverse) unproven(file string, empty []string, why error) []finding.Finding {
	var all []finding.Finding
	at := finding.Position{File: file, Line: 1}
	if why != nil {
		all = append(all, finding.Warnf("unproven", at, "the data decides whether it can be applied: %s", why).
			Hintf("look at the rows on the account first; if D1 refuses it, nothing of it is applied"))
	}
	for _, t := range empty {
		all = append(all, finding.Notef("unproven", at, "no row could be made up for table %s, so that its rows are kept is not proven", t).
			Hintf("read what the file does with it"))
	}
	return all
}

// ProveOn applies the files that an account has not had, and then the reverse, to a
// copy of the account's schema, with rows. A thing that the reverse touches and that
// is not there as the files make it is a finding.
func (r *Reverse) ProveOn(ctx context.Context, objects []schema.Object, pending []rehearsal.Migration, name, file, whose string) ([]finding.Finding, error) {
	var why error
	for _, rows := range []bool{true, false} {
		c, err := r.account(ctx, objects, pending, whose, rows)
		if err != nil {
			return nil, err
		}
		has, err := c.Shape()
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		touched := r.has.Differences(r.want)
		for _, d := range has.Differences(r.has) {
			if slices.Contains(touched, d) {
				return nil, errors.Join(finding.Errorf("drift", finding.Position{File: r.Of.File, Line: 1}, "%s of %s is not as the files make it", d, whose).
					Hintf("somebody changed it by hand; bring it back to what the files say, or write the compensation by hand"), c.Close())
			}
		}
		empty, err := r.try(c, rehearsal.Migration{Name: name, File: file, SQL: r.SQL}, merged(has, r.want, touched), rows)
		if _, data := errors.AsType[*dataError](err); data && rows {
			why = err
			continue
		}
		if err != nil {
			return nil, err
		}
		return r.unproven(file, empty, why), nil
	}
	return nil, r.refused("%s", why)
}

// account is a copy of an account's schema with the files that it has not had.
func (r *Reverse) account(ctx context.Context, objects []schema.Object, pending []rehearsal.Migration, whose string, rows bool) (*rehearsal.Copy, error) {
	c, err := rehearsal.New(objects...)
	if err != nil {
		return nil, err
	}
	c.Until(ctx)
	for _, m := range pending {
		if _, err := c.Try(m); err != nil {
			refused, ok := errors.AsType[*rehearsal.Refusal](err)
			if !ok {
				return nil, errors.Join(err, c.Close())
			}
			return nil, errors.Join(finding.Errorf("migration", refused.At, "%s, which comes before, would be refused by %s: %s", m.Name, whose, refused.Reason).Hintf("correct the file first"), c.Close())
		}
	}
	if rows {
		if _, err := c.Populate(rowsEach); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// merged is a schema with what is touched as another one has it.
func merged(has, want rehearsal.Shape, touched []string) rehearsal.Shape {
	var s rehearsal.Shape
	for from, isTouched := range map[*rehearsal.Shape]bool{&has: false, &want: true} {
		for _, t := range from.Tables {
			if slices.Contains(touched, "table "+t.Name) == isTouched {
				s.Tables = append(s.Tables, t)
			}
		}
		for _, o := range from.Objects {
			if slices.Contains(touched, o.Type+" "+o.Name) == isTouched {
				s.Objects = append(s.Objects, o)
			}
		}
	}
	return s
}
