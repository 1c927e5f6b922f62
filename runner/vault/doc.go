// Package vault compares the secrets of Workers with the values that are known here,
// and puts up those that differ.
//
// [Gather] takes values from the environment and from a file and refuses what is no
// secret: nothing at all, or a text that was to be replaced. [Secrets] is the stage:
// it reads of each Worker which secrets it has, decides by fingerprints which of them
// are others here, and gives a Worker all its secrets in one call.
//
// Cloudflare never gives a value back. What went up last is known by the fingerprints
// of a release's record, or by the part of a deployment's label that stands for all of
// a Worker's secrets. Values go to cloudflare and nowhere else.
//
// New values for a compromised secret are rotation's. Neighbours: secret, upload,
// release, project, dotenv, cloudflare, remedy and pipeline.
package vault
