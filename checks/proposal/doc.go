// Package proposal shows a preview on GitHub: as a check run, as a comment on a
// pull request and as the step's summary.
//
// A [Page] holds the preview and what was found. [Page.Title] says it in words,
// [Page.Summary] in a table for each environment, [Page.Text] in full, with SQL
// folded; [Page.Whole] is all of it on one page. Whatever comes from outside is
// escaped.
//
// The room sends nothing and redacts nothing: what it is given has been redacted.
// Its neighbours are markdown, preview and finding.
package proposal
