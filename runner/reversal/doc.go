// Package reversal writes the migration that takes another one back, as the
// runbook's section 5.2 has it written by hand.
//
// [Derive] replays all files of a folder in memory, with the migration and without
// it, and turns the difference of the two schemas into SQL: what was made is
// dropped, what was renamed gets its name back, and where SQLite cannot alter a
// table it is rebuilt with its rows. [Reverse.Prove] applies the file after all
// others, on a schema with rows, and wants the schema that would be there without
// the migration, and every row. What cannot be reversed is told and not hidden.
//
// The room asks no network and writes no file. Its neighbours are rehearsal, schema
// and finding.
package reversal
