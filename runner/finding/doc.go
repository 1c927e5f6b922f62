// Package finding is what a person can act on, and where: a rule's name, a
// severity, a place in a file, one sentence that says what is wrong and one
// that says what to do.
//
// It is the currency of the house. Config readers, checks, stages and remedies
// make findings; gates are closed by them; observers show them. A finding is
// also an error value, so any function that can fail may return one, and
// [From] turns whatever error arrives at the end of the line into findings in
// one place. [Many], [When] and [Quote] are how their sentences count things, tell
// times and repeat what an error says.
//
// The room knows nothing of Cloudflare, of GitHub or of how findings are shown.
// It imports nothing of ours.
package finding
