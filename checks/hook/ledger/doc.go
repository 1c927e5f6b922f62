// Package ledger keeps deliveries, the works they ask for, and what became of them,
// in an SQLite file or in Postgres.
//
// A work is kept under its key for longer than GitHub can deliver again, so that it
// is done once however often it is told. A lane's lease says which server works on
// it, and ends by itself when that server is gone. Times in the database are
// milliseconds of the database's own clock, so that servers need not agree on one.
//
// The room knows neither HTTP nor the queue's library: its neighbour queue adds jobs
// to the same transaction through [Tx]. Deliveries come from hook.
package ledger
