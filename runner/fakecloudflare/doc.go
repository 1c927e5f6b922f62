// Package fakecloudflare is a Cloudflare account in this process: the HTTP API
// that wrangler and other clients speak, strict, stateful, scriptable and
// recording, and on demand a runtime in which uploaded Workers really run.
//
// New makes an account whose Server is an http.Handler and needs nothing else
// on the machine. Start puts it behind loopback addresses, adds an https edge
// that finds Workers by host name, and runs them in workerd through the
// miniflare of the project under test.
//
// The rooms below it are one product each: its state, its rules and its
// endpoints. They import outside libraries only, never the product's own
// client, so that the two cannot share a mistake. What is enforced and what is
// not is said where it is done; codes that Cloudflare does not document are
// marked as chosen.
package fakecloudflare
