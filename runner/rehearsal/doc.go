// Package rehearsal is a copy of a database's schema in memory, on which
// migrations are tried before the account is touched: a real SQLite, held to what
// D1 refuses.
//
// [New] builds the copy from the rows of sqlite_master, [Copy.Try] applies one
// file as D1 would and gives a finding at the statement that fails, [Copy.Populate]
// puts rows into tables whose constraints allow made-up ones, [Copy.Shape] is the
// schema in a form in which two can be compared.
//
// A copy has the schema and none of the data. What only the data decides is never
// called proven: it is told as a doubt. The room asks no network. Its neighbours
// are schema and finding.
package rehearsal
