package ledger

import (
	"context"
	"strings"
)

// steps make the tables, one after another. A step that was published is not
// changed; another is added. {id} is a number that the database gives, {key} one that
// is given to it.
var steps = []string{`
CREATE TABLE hook_deliveries (
	id {id},
	guid TEXT NOT NULL UNIQUE,
	event TEXT NOT NULL,
	action TEXT NOT NULL,
	repository TEXT NOT NULL,
	environment TEXT NOT NULL,
	hook TEXT NOT NULL,
	received_at BIGINT NOT NULL,
	attempts BIGINT NOT NULL,
	decision TEXT NOT NULL,
	reason TEXT NOT NULL,
	work BIGINT NOT NULL
);
CREATE TABLE hook_payloads (
	delivery {key},
	payload BYTEA NOT NULL
);
CREATE INDEX hook_deliveries_received ON hook_deliveries (received_at, guid);
CREATE TABLE hook_works (
	id {id},
	key TEXT NOT NULL UNIQUE,
	lane TEXT NOT NULL,
	guid TEXT NOT NULL,
	repository TEXT NOT NULL,
	environment TEXT NOT NULL,
	reason TEXT NOT NULL,
	args TEXT NOT NULL,
	state TEXT NOT NULL,
	owner TEXT NOT NULL,
	runs BIGINT NOT NULL,
	tries BIGINT NOT NULL,
	cuts BIGINT NOT NULL,
	error TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	due_at BIGINT NOT NULL,
	begun_at BIGINT NOT NULL,
	ended_at BIGINT NOT NULL
);
CREATE INDEX hook_works_open ON hook_works (lane, state, id) WHERE ended_at = 0;
CREATE TABLE hook_steps (
	id {id},
	work BIGINT NOT NULL,
	run BIGINT NOT NULL,
	at BIGINT NOT NULL,
	step TEXT NOT NULL
);
CREATE INDEX hook_steps_work ON hook_steps (work, id);
CREATE TABLE hook_leases (
	lane TEXT PRIMARY KEY,
	owner TEXT NOT NULL,
	until BIGINT NOT NULL
);
CREATE TABLE hook_audit (
	id {id},
	at BIGINT NOT NULL,
	who TEXT NOT NULL,
	what TEXT NOT NULL,
	about TEXT NOT NULL
);
`, `
CREATE TABLE hook_lanes (
	lane TEXT PRIMARY KEY,
	job BIGINT NOT NULL
);
`}

// migrate makes the tables that are missing.
func (l *Ledger) migrate(ctx context.Context) error {
	return l.Write(ctx, func(tx Tx) error {
		if _, err := tx.exec(ctx, "CREATE TABLE IF NOT EXISTS hook_schema (step BIGINT PRIMARY KEY)"); err != nil {
			return err
		}
		done, err := one[int64](ctx, tx.statements, "SELECT count(*) FROM hook_schema")
		if err != nil {
			return err
		}
		for i := int(done); i < len(steps); i++ {
			for statement := range strings.SplitSeq(strings.NewReplacer("{id}", l.id, "{key}", l.key).Replace(steps[i]), ";\n") {
				if strings.TrimSpace(statement) == "" {
					continue
				}
				if _, err := tx.exec(ctx, statement); err != nil {
					return err
				}
			}
			if _, err := tx.exec(ctx, "INSERT INTO hook_schema VALUES ($1)", int64(i+1)); err != nil {
				return err
			}
		}
		return nil
	})
}
