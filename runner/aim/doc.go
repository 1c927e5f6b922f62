// Package aim is where the scripts of an environment go back to when a release is
// taken back: each to versions that were written down, with the triggers that it had.
//
// [Undo] and [To] read it off manifests, [ByLabels] off the labels that every
// deployment of ours bears on Cloudflare, [Version] is what a person names. It is
// never "the one before", so that going there twice is the same as once. A [Return]
// may be dated: [Return.Stale] and [Return.Renewed] hold it against what serves.
//
// The room asks nobody and changes nothing; going there is for rollback. Its
// neighbours are live and release.
package aim
