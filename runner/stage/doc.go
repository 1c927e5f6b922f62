// Package stage is the stages of a promotion: build, health and smoke, each a struct
// literal that holds what it needs and makes tasks of it. The judgement before it is
// inspection's; what changes the account, migration and fleet, has rooms of its own.
//
// A stage asks nothing while it makes its tasks, so a plan can be printed. Stages
// do not talk to each other but through what they are given: bundles on a
// shelf, and the release's draft. What goes wrong becomes a finding with the
// line of configuration and the remedy of the users' runbook.
//
// The work itself lives in other rooms: child runs commands, bundle bundles,
// probe asks. This room puts it in order.
package stage
