// Package checkrun shows a run on its commit: one check run on GitHub for each
// stage.
//
// A [Keeper] watches the pipeline. When the plan is known every stage is posted as
// queued, so that a reader sees the whole road; each is patched when it starts and
// when it ends, with its tasks as a table and its findings as annotations at their
// lines. Calls are made beside the run and never delay it; states that were
// overtaken are not sent. When the run ends, or is cancelled, no check run is left
// open. What could not be shown is told at the end; when GitHub refuses check runs
// as a whole, [Keeper.Refused] says so and the findings have to go elsewhere.
// [Alone] is a single run for work that has no stages.
package checkrun
