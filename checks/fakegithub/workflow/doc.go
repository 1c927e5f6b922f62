// Package workflow holds runs of GitHub Actions. Nothing runs here: a dispatch
// is checked against the workflow file that lies in the repository, and makes a
// run whose state a test then sets.
//
// The file must be on the default branch; what it takes is read at the ref that
// is dispatched. Whoever waits for dispatches is called outside the lock.
package workflow
