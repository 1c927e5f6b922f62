// Package inspection is the stage before all others: files, code and account are
// judged before anything is queued.
//
// The rules are check's. This room puts them to one project, says what a token or
// an account that is no good keeps it from knowing, and applies the waivers, which
// it judges too: one that nothing was found for is told. Where only databases are
// meant, only what concerns them is said.
//
// Its neighbours are check, and build, which knows how a script is bundled.
package inspection
