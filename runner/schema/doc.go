// Package schema is what migrations do to a database: which files are pending by
// the ledger, and how one of them is applied so that it is there wholly or not at
// all, together with its row in the ledger.
//
// The ledger is the table that wrangler keeps, so both tools can be used in turn.
// [Read] reads it, [Apply] applies one file, [Statement] makes a file fit to be
// sent, [Place] finds the line that a database complains about.
//
// The room knows SQL and one database, no project and no stage. Its neighbours
// are cloudflare and finding.
package schema
