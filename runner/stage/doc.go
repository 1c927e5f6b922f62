// Package stage is the stages that ask an environment's Workers whether all is well,
// health and smoke, each a struct literal that holds what it needs and makes tasks
// of it; and the wait for other releases with which any stage can begin.
//
// A stage asks nothing while it makes its tasks, so a plan can be printed. What goes
// wrong becomes a finding with the line of configuration and the remedy of the
// users' runbook. A [Witness] tells beside it what the Worker threw.
//
// Probe asks; this room knows what a good answer is. What makes something of its own
// has a room of its own: build, migration, fleet, rollback. The neighbours are
// pipeline, project, probe, release and finding.
package stage
