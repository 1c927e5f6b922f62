// Package stage is the stages of a promotion: build, migrate, deploy, health and
// smoke, each a struct literal that holds what it needs and makes tasks of it.
//
// A stage asks nothing while it makes its tasks, so a plan can be printed. Stages
// do not talk to each other but through what they are given: bundles on a
// [Shelf], scripts on their way in a [Fleet], and the release's draft. What goes
// wrong becomes a finding with the line of configuration and the remedy of the
// users' runbook.
//
// The work itself lives in other rooms: child runs commands, bundle bundles,
// schema migrates, upload says what is sent, live reads and changes the account,
// probe asks. This room puts it in order.
package stage
