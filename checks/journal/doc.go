// Package journal keeps the records of one run's releases on GitHub while they are on
// their way, and keeps two releases of an environment apart.
//
// A [Keeper] is a journal: it writes the manifest into a deployment's payload
// after the uploads and before any traffic moves, the only call that a release
// waits for. It is an observer: it says in statuses how the release goes on,
// succeeds or fails, and retires what a good one replaces. And it is a lock: a
// deployment of ours that is still in progress keeps others out, until the run
// that made it is over. All else is done beside the run.
//
// Where GitHub cannot take the record, a finding says so and the release goes on
// with the records that are elsewhere. The neighbours are deployment, which knows
// what a record is, and release.
package journal
