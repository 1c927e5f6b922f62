// Package deployment holds deployments and their statuses, with GitHub's
// defaults, which surprise: a deployment merges the default branch into its ref
// and waits for every check of the commit, unless it is told not to.
//
// Statuses are only added. A success retires earlier successes of the same
// environment, but never those of production, and nobody is told of a status
// that says inactive.
package deployment
