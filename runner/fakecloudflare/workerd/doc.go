// Package workerd runs the account's Workers: one child process of Node that
// serves the deployed versions of all scripts in real workerd, through the
// miniflare that the project under test has installed.
//
// It is asked for a script and answers with that script's response. Whenever
// what is deployed has changed, the next request serves the whole fleet anew,
// once, and waits for it. Databases, KV and queues are not miniflare's but the
// account's own: the bindings reach back to it over loopback, so the API and a
// Worker see the same rows. Durable Objects, R2 and Workflows are miniflare's
// and live in a directory that outlives each serving.
//
// A Worker that cannot start is replaced by one that answers 500 with
// "error code: 1101", and the others run. Requests that Workers make to the
// outside get nowhere unless the caller says where.
//
// Not here: the order of Worker upgrades inside Durable Objects, crons by the
// clock, and bindings to AI, browsers and whatever else needs Cloudflare.
package workerd
