// Package summary writes the page that a run leaves behind: the step summary of a
// workflow, in GitHub's Markdown.
//
// A [Summary] watches the pipeline and writes once, at the end: the verdict, a table
// of stages, a timeline that shows where the time went, what each environment
// served before and serves now, and every finding with a link to its line. It shows
// and decides nothing; markdown has its words.
package summary
