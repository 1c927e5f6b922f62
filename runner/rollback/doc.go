// Package rollback is a release read backwards: the scripts of one environment go
// back to versions that were written down, those that need others first, with the
// triggers that they had.
//
// Where each goes is told by aim, from records or labels. A script that does not
// serve the release that is taken back any more is left alone. Everything that speaks
// against it is said before anything is changed, and one refusal stops the whole,
// unless a part is asked for. Data is never restored; what migrations did is told.
//
// The neighbours are aim, live, which reads the account, and release, which has the
// records. Health and smoke afterwards are stage's.
package rollback
