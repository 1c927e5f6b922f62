// Package deployment is the record of releases on GitHub: one deployment for each
// release of an environment, with the manifest in its payload and, in its statuses,
// how it went on.
//
// A [Record] is made of a deployment by [Read] alone, and knows what its states, holds
// and tasks mean. What a list of records means is asked of the list: which release is
// the newest, which one to go back to, and what became of each, a [Fate], in words that
// are the same wherever a person reads them. Who wrote a record is for the caller to
// judge before acting on it; a signature helps.
//
// The room writes and reads. To keep records while a release is on its way is
// journal's. The neighbours are github and release.
package deployment
