// Package migration is the pending migrations of an environment on their way into
// its databases: what a database has by the account's ledger, whether what it lacks
// would be accepted, and then the applying.
//
// [Stage] does all of it. [Stage.Look], [Stage.Read] and [Stage.Rehearse] are the
// steps with which it begins; they change nothing, so a plan is made by them too.
// One file after another is applied, and the first that fails is the last.
//
// What a file does to a database is schema's, and the copy on which it is tried
// rehearsal's; this room puts both in order for a project. Its other neighbours are
// pipeline, project, cloudflare, remedy and release, whose draft notes what was done.
package migration
