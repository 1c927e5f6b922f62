// Package build is the way from a project's sources to bundles on a shelf: the
// install, the project's own build command, and one bundle of each Worker for all
// environments, so that production gets the bytes that staging has tested.
//
// [Stage] does it. [Options] says how the configuration wants a script bundled, and
// [Problem] makes a finding of what a bundler says; whoever looks at code before it
// is built needs both.
//
// The work lives in other rooms: child runs commands, bundle bundles, check judges
// what came of it. The room knows no account. Its other neighbours are pipeline,
// project and finding.
package build
