// Package rotation gives secrets new values on every Worker that shares them, as one
// release.
//
// [Stage] makes a version of the code that serves for each of these Workers, with the
// new values and everything else as it is, without a build. What follows is a release
// like any other and is fleet's: it is held against what keeps releases out, recorded
// before any traffic moves, switched in the order of the fleet and put back if that
// does not come to its end. [New] makes a value, [Rules] says what a person has to
// know of a secret before it is replaced.
//
// Old values live on as fingerprints in the record, so that neither a rollback nor a
// promotion brings one back by mistake.
//
// Its neighbours are vault, which knows what went up last, fleet, release, secret and
// whole.
package rotation
