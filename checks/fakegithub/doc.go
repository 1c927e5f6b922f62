// Package fakegithub is a repository on GitHub in this process, with its Apps
// and users: the REST API over HTTP, strict, stateful, scriptable and recording,
// and signed webhooks that really are sent.
//
// New makes a Server, which is an http.Handler. Its paths work with and without
// /api/v3. A test hands out tokens (WorkflowToken, App, User), lays down commits
// (Commit), and reads back what happened (Runs, Deployments, Comments).
//
// The rooms below it are one product each: its state, its rules, its endpoints.
// They import outside libraries only, never the product's own client, so that
// the two cannot share a mistake. What is enforced is said where it is done;
// words and orders that GitHub does not document are marked as chosen.
package fakegithub
