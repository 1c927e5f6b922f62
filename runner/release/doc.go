// Package release is the manifest: what one release put where, and what was
// there before. It is the only memory of a deployment.
//
// A [Draft] is filled by the stages as they go; a [Journal] keeps a [Manifest]
// before any traffic moves, so that whoever comes later, a rollback, a re-run or
// a server, needs nothing else. A [Label] is the little of it that fits into the
// message of a version, for when nothing else is left.
//
// The room knows data only: it asks no network and takes no decision. Its
// neighbours are finding and whole.
package release
