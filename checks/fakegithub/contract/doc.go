// Package contract holds requests and answers against the description of its
// REST API that GitHub publishes (OpenAPI, npm package @octokit/openapi).
//
// Open fetches the description once into the user's cache, and fails when it
// cannot. Wrap puts it between any client and any handler, so that a client of
// ours and the fake that answers it are both held to what GitHub says rather
// than to what we believe. Deliveries of webhooks are held against the same
// description. What it does not say (limits in bytes, most refusals) is the
// business of the fake's own rules.
package contract
