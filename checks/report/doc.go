// Package report is what a person or a program sees of a run: observers of the
// pipeline's events.
//
// [Lines] writes plain lines for a pipe or a log, [Board] redraws a live board on
// a terminal, [JSON] writes one object for each event. [Redacted] stands before
// all of them and takes secrets out of every event. [WritePlan] shows what would
// run, [WriteFindings] what was found, [WritePreview] what would change.
//
// The room only shows: it takes no decision and changes no verdict. Its
// neighbours are pipeline, preview and finding.
package report
