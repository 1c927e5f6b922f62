// Package probe asks a running Worker one HTTP question, and asks again until the
// answer is good or the time is over.
//
// Names are resolved as curl does it: --resolve entries first, then DNS; when DNS
// fails, Cloudflare's anycast address is asked under the right name, as the
// users' runbook does, because a new record may take minutes to be seen. TLS
// always checks the name of the URL.
//
// The room knows nothing about what a good answer is: the caller judges each one.
// It imports nothing of ours.
package probe
