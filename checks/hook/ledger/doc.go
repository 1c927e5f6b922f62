// Package ledger keeps deliveries, the works they ask for, and what became of them,
// in an SQLite file or in Postgres.
//
// A work is kept under its key for longer than GitHub can deliver again, so that it
// is done once however often it is told. A lane's lease says which server works on
// it, and ends by itself when that server is gone. Times in the database are
// milliseconds of the database's own clock, so that servers need not agree on one.
//
// Which job of River begins a lane is noted with the lane; whoever asks [Ledger.Due]
// learns which lanes have something to do and no such job. Its neighbour queue does.
// The ledger's connections are River's too: an SQLite file has one writer at a time, and
// deliveries come first.
// Deliveries come from hook; the room does not know HTTP.
package ledger
