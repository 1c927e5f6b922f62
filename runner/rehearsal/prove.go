package rehearsal

import (
	"context"
	"errors"
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
		_, err := full.Try(m)
		refused, ok := errors.AsType[*Refusal](err)
		if err != nil && (!ok || refused.Table == "") {
			return nil // the rows are ours; it says nothing of the account
		}
		if ok {
			p.Inhabited = append(p.Inhabited, refused)
			return nil
		}
	}
	return nil
}
