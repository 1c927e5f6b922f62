// Package project is all Workers of a repository together: which there are,
// what depends on what, which databases, host names and queues each environment
// has, and which rules across files they break.
//
// [Load] reads every wrangler file and the optional tminus.yaml; [Project.In]
// gives one environment with its scripts in the order in which they may be
// deployed; [Project.Check] gives what is wrong, at the lines at fault.
// Everything is derived from the wrangler files; tminus.yaml only overrides.
//
// The room reads files and asks no network and no account: what only an account
// can tell is for preflight. Its neighbours are wrangler, document and finding.
package project
