// Package pipeline is the loop: a plan of steps, each a gate, each a list of
// tasks, run in order and watched by observers.
//
// A [Plan] is the list of what it will run; printing it and running it use the
// same titles. A step passes when none of its tasks leaves an error-level
// finding; a step that does not pass blocks all that come after it. An error
// becomes a finding in one place, at the line of configuration that asked for
// the task. A step may carry an undo stage, which runs when the step fails or
// is cancelled, on a context of its own.
//
// The loop knows no stage and no platform: what a task does is for stage to
// say, where events go is for the observers. It never looks anything up by type
// and never retries. Its only neighbour is finding.
package pipeline
