// Package check is everything that can be known to be wrong before anything is
// queued: rules over the files, over the code, and over the account.
//
// [Files] needs nothing but the project; [Code] looks at the sources of each
// Worker; [Account] asks the account what the files only claim. Each finding
// stands on the line at fault, names its rule and says what to do. A rule has a
// broken project of its own under testdata/projects/broken, with # want comments
// on the lines that must be reported.
//
// The room changes nothing and closes no gate itself; waivers are for project to
// apply. Its neighbours are project, bundle, cloudflare, live and finding.
package check
