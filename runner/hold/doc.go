// Package hold is what keeps releases out of an environment: of the release that it
// was taken back from, or, where the hold is strict, of every one, until a person
// lifts it.
//
// A hold has no record of its own that could be missing. It is a mark in the label
// of the deployments that serve: a rollback leaves it, [Place] sets it on a person's
// word, [Lift] takes it away, and neither changes what serves. [Refuse] reads it
// before a release.
//
// The neighbours are live and release, which know labels, and pipeline, project,
// cloudflare, remedy and finding.
package hold
