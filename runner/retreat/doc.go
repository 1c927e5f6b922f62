// Package retreat puts the stages of a rollback together: the release is taken back,
// and then the environment is asked whether it is well.
//
// Whoever takes a release back, a command, a gate that closed or a server, goes this
// one way. What is taken back, and where to, is the rollback's own affair; how the
// way is shown and recorded is the caller's.
//
// The neighbours are rollback and stage.
package retreat
