package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
)

// connector opens connections to a file that read every statement once: to read one
// takes longer than to do it. What writes first passes the gate, if there is one.
type connector struct {
	driver driver.Driver
	source string
	gate   func() (leave func())
}

// Driver implements driver.Connector.
func (c connector) Driver() driver.Driver { return c.driver }

// nativeConnection is what the driver's connections can do.
type nativeConnection interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
	driver.Pinger
}

// Connect implements driver.Connector.
func (c connector) Connect(context.Context) (driver.Conn, error) {
	on, err := c.driver.Open(c.source)
	if err != nil {
		return nil, err
	}
	return &connection{nativeConnection: on.(nativeConnection), gate: c.gate, known: map[string]driver.Stmt{}}, nil
}

// connection is used by one goroutine at a time, as database/sql sees to. A context
// does not end a statement: to watch it costs a goroutine each time, and none takes
// long.
type connection struct {
	nativeConnection
	gate   func() func()
	inside bool // a transaction, which has passed the gate
	known  map[string]driver.Stmt
}

// verb is what a statement does; the queue's library writes a comment before it.
func verb(query string) string {
	query = strings.TrimSpace(query)
	for strings.HasPrefix(query, "--") {
		_, query, _ = strings.Cut(query, "\n")
		query = strings.TrimSpace(query)
	}
	word, _, _ := strings.Cut(query, " ")
	word, _, _ = strings.Cut(word, "\n")
	return word
}

// pass waits until a statement may be done, and gives what ends it.
func (c *connection) pass(verb string) func() {
	if c.gate == nil || c.inside || verb == "SELECT" { // readers hold nobody up
		return func() {}
	}
	return c.gate()
}

// read gives the statement of a query. Others than those that are done again and again
// are not kept: what a PRAGMA does, it does when it is read.
func (c *connection) read(query, verb string) (driver.Stmt, error) {
	if s := c.known[query]; s != nil {
		return s, nil
	}
	switch verb {
	case "SELECT", "INSERT", "UPDATE", "DELETE":
	default:
		return nil, nil
	}
	s, err := c.Prepare(query)
	if err == nil {
		c.known[query] = s
	}
	return s, err
}

// ExecContext implements driver.ExecerContext.
func (c *connection) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	verb := verb(query)
	s, err := c.read(query, verb)
	if err != nil {
		return nil, err
	}
	defer c.pass(verb)()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	if s == nil {
		return c.nativeConnection.ExecContext(ctx, query, args)
	}
	return s.(driver.StmtExecContext).ExecContext(ctx, args)
}

// QueryContext implements driver.QueryerContext.
func (c *connection) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	verb := verb(query)
	s, err := c.read(query, verb)
	if err != nil {
		return nil, err
	}
	leave := c.pass(verb)
	if err := ctx.Err(); err != nil {
		leave()
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	var rows driver.Rows
	if s == nil {
		rows, err = c.nativeConnection.QueryContext(ctx, query, args)
	} else {
		rows, err = s.(driver.StmtQueryContext).QueryContext(ctx, args)
	}
	if err != nil {
		leave()
		return nil, err
	}
	return &found{rows, leave}, nil
}

// found are rows during which what was passed is not left.
type found struct {
	driver.Rows
	leave func()
}

// Close implements driver.Rows.
func (f *found) Close() error {
	defer f.leave()
	return f.Rows.Close()
}

// BeginTx implements driver.ConnBeginTx.
func (c *connection) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	leave := c.pass("BEGIN")
	tx, err := c.nativeConnection.BeginTx(context.WithoutCancel(ctx), o)
	if err != nil {
		leave()
		return nil, err
	}
	c.inside = true
	return &passed{tx, func() { c.inside = false; leave() }}, nil
}

// passed is a transaction during which what was passed is not left.
type passed struct {
	driver.Tx
	leave func()
}

// Commit implements driver.Tx.
func (p *passed) Commit() error {
	defer p.leave()
	return p.Tx.Commit()
}

// Rollback implements driver.Tx.
func (p *passed) Rollback() error {
	defer p.leave()
	return p.Tx.Rollback()
}

// Close implements driver.Conn.
func (c *connection) Close() error {
	for _, s := range c.known {
		_ = s.Close()
	}
	return c.nativeConnection.Close()
}

// connect makes a pool of one connection.
func connect(of driver.Driver, source string, gate func() func()) *sql.DB {
	db := sql.OpenDB(connector{of, source, gate})
	db.SetMaxOpenConns(1)
	return db
}
