// Package github is a repository on GitHub over its REST API: check runs,
// deployments with their statuses, comments and workflow runs, for one
// repository and one token.
//
// It knows the platform's limits and keeps them: annotations go in batches,
// texts are cut on bytes, times are whole seconds. A call that surely was not
// done is repeated; one that may have been done is repeated only if doing it
// twice is the same as once, else it is looked for first. What GitHub refuses
// comes back as a [Refusal] that names the missing permission.
//
// The room stands on go-github and go-retryablehttp and knows nothing of stages
// or findings. Its neighbour is report.
package github
