// Package actions is the runner's side of a run on GitHub Actions: what it says
// of the run in variables, and what it takes back on standard output and in files.
//
// A [Job] writes plain text so that no line of it is taken for a command, whoever
// wrote it, and issues commands of its own: masks, groups, annotations. It writes
// outputs and the step summary, within the runner's limits and without panics
// when a file is missing.
//
// The room asks no API and knows no finding. It stands on go-githubactions; its
// neighbours are report, which shows a run, and cmd, which opens the job.
package actions
