package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/tminus/deploy-action/runner/schema"
)

// Copy is a database in memory. It is for one goroutine at a time.
type Copy struct {
	// Lenient: statements of a migration that only change data may fail, and an index
	// may not, although SQLite would make it on a text.
	Lenient bool

	conn    *sqlite.Conn
	trusted bool // our own statements may do what those of a migration may not
	did     []sqlite.Action
	denied  string // what D1 does not let through, in words
}

// limits are those of D1's runtime that a schema can meet. Source:
// https://developers.cloudflare.com/d1/platform/limits/ and workerd's sqlite.c++.
var limits = map[sqlite.Limit]int32{
	sqlite.LimitSQLLength: 100_000, sqlite.LimitColumn: 100, sqlite.LimitExprDepth: 100, sqlite.LimitCompoundSelect: 5,
	sqlite.LimitLikePatternLength: 50, sqlite.LimitTriggerDepth: 10, sqlite.LimitAttached: 0,
}

// New builds a copy of a schema, empty without any object.
func New(objects ...schema.Object) (*Copy, error) {
	c, err := open(nil)
	if err != nil {
		return nil, err
	}
	if err := c.build(objects); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// open opens a database in memory, with the contents of an image if there is one.
func open(image []byte) (*Copy, error) {
	conn, err := sqlite.OpenConn(":memory:", sqlite.OpenReadWrite, sqlite.OpenCreate)
	if err != nil {
		return nil, fmt.Errorf("open a database in memory: %w", err)
	}
	c := &Copy{conn: conn}
	if image != nil {
		err = conn.Deserialize("main", image)
	}
	if err = errors.Join(err, conn.SetAuthorizer(sqlite.AuthorizeFunc(c.authorize)), c.Run("PRAGMA foreign_keys = ON")); err != nil {
		return nil, errors.Join(fmt.Errorf("open a database in memory: %w", err), conn.Close())
	}
	for limit, value := range limits {
		conn.Limit(limit, value)
	}
	return c, nil
}

// order in which things of a schema can be made, whatever they refer to.
var order = map[string]int{"table": 0, "view": 1, "index": 2, "trigger": 3}

func (c *Copy) build(objects []schema.Object) error {
	objects = slices.Clone(objects)
	slices.SortStableFunc(objects, func(a, b schema.Object) int { return order[a.Type] - order[b.Type] })
	var shadows []string
	for _, o := range objects {
		if o.Type == "table" && virtual(o.SQL) {
			shadows = append(shadows, o.Name+"_")
		}
	}
	for _, o := range objects {
		if schema.Internal(o.Name) || schema.Internal(o.Table) {
			continue
		}
		if o.Type == "table" && slices.ContainsFunc(shadows, func(s string) bool { return strings.HasPrefix(o.Name, s) }) {
			continue // its virtual table makes it
		}
		if err := c.Run(o.SQL); err != nil {
			return fmt.Errorf("copy %s %s: %w", o.Type, o.Name, err)
		}
	}
	return nil
}

func virtual(sql string) bool {
	words := schema.Tokens(sql)
	return len(words) > 1 && words[1].Is("VIRTUAL")
}

// Close gives the memory back.
func (c *Copy) Close() error { return c.conn.Close() }

// Until ends what the copy does when a context ends, with an error.
func (c *Copy) Until(ctx context.Context) { c.conn.SetInterrupt(ctx.Done()) }

// Clone is a second copy, with the same schema and rows.
func (c *Copy) Clone() (*Copy, error) {
	if err := c.Run("PRAGMA user_version = 1"); err != nil { // a database without pages cannot be written down
		return nil, err
	}
	c.trusted = true
	defer func() { c.trusted = false }()
	image, err := c.conn.Serialize("main")
	if err != nil {
		return nil, fmt.Errorf("clone a database: %w", err)
	}
	return open(image)
}

// Run runs one of our own statements, which D1's rules do not bind.
func (c *Copy) Run(sql string) error {
	_, err := c.Rows(sql)
	return err
}

// Rows runs one of our own statements and gives its rows: nil, int64, float64,
// string or []byte each.
func (c *Copy) Rows(sql string) (rows [][]any, err error) {
	c.trusted = true
	defer func() { c.trusted = false }()
	return c.step(sql)
}

// step prepares one statement and runs it to its end.
func (c *Copy) step(sql string) (rows [][]any, err error) {
	stmt, _, err := c.conn.PrepareTransient(sql)
	if err != nil || stmt == nil {
		return nil, err
	}
	defer func() { _ = stmt.Finalize() }() // says the error of the last step again
	for {
		row, err := stmt.Step()
		if err != nil || !row {
			return rows, err
		}
		rows = append(rows, values(stmt))
	}
}

func values(stmt *sqlite.Stmt) []any {
	row := make([]any, stmt.ColumnCount())
	for i := range row {
		switch stmt.ColumnType(i) {
		case sqlite.TypeInteger:
			row[i] = stmt.ColumnInt64(i)
		case sqlite.TypeFloat:
			row[i] = stmt.ColumnFloat(i)
		case sqlite.TypeText:
			row[i] = stmt.ColumnText(i)
		case sqlite.TypeBlob:
			b := make([]byte, stmt.ColumnLen(i))
			stmt.ColumnBytes(i, b)
			row[i] = b
		}
	}
	return row
}

// pragmas are those that D1 lets through. Source:
// https://developers.cloudflare.com/d1/sql-api/sql-statements/.
var pragmas = []string{
	"case_sensitive_like", "data_version", "defer_foreign_keys", "foreign_key_check", "foreign_key_list", "foreign_keys",
	"function_list", "ignore_check_constraints", "index_info", "index_list", "index_xinfo", "legacy_alter_table", "optimize",
	"quick_check", "recursive_triggers", "reverse_unordered_selects", "table_info", "table_list", "table_xinfo",
}

// authorize keeps what a statement does, and denies what D1 does.
func (c *Copy) authorize(a sqlite.Action) sqlite.AuthResult {
	if c.trusted {
		return sqlite.AuthResultOK
	}
	c.did = append(c.did, a)
	switch name := strings.ToLower(a.Pragma()); {
	case a.Type() == sqlite.OpAttach || a.Type() == sqlite.OpDetach:
		c.denied = "ATTACH and DETACH"
	case a.Type() == sqlite.OpTransaction || a.Type() == sqlite.OpSavepoint:
		c.denied = "transactions of its own (a migration is one already)"
	case a.Type() == sqlite.OpPragma && !slices.Contains(pragmas, name):
		c.denied = "PRAGMA " + name
	case strings.HasPrefix(strings.ToLower(a.Table()), "_cf_"):
		c.denied = "tables whose name begins with _cf_"
	default:
		return sqlite.AuthResultOK
	}
	return sqlite.AuthResultDeny
}
