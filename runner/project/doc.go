// Package project is all Workers of a repository together: which there are,
// what depends on what, which databases and host names each environment has.
//
// [Load] reads every wrangler file and the optional tminus.yaml; [Project.In]
// gives one environment with its scripts in the order in which they may be
// deployed. Everything is derived from the wrangler files; tminus.yaml only
// overrides.
//
// The room reads files and asks no network; whether what they say is right is
// for check to judge. Its neighbours are wrangler, document and finding.
package project
