// Package tail hears what Workers do while they do it: events of real invocations,
// read from Cloudflare's web sockets.
//
// A [Listener] follows one script: it makes a tail, connects, renews it before it
// expires, connects again when the socket falls, and deletes its tail at the end. An
// [Event] is what it hears, cleaned: headers and cookies are never kept, and what
// looks like a secret is taken out of addresses and logs before anybody sees it. A
// [Witness] keeps what Workers threw, for a gate that wants to know why it closed.
//
// Nothing here decides anything, and nothing is missed on purpose; but tails are best
// effort, and on a busy Worker Cloudflare itself leaves events out. Stacks are led
// back to sources by origin. The neighbours are cloudflare, origin, secret and finding.
package tail
