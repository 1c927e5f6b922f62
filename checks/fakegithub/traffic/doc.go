// Package traffic stands between the wire and the repository: it writes down
// every call in order, delays answers, and breaks the calls a test asks it to
// break, before or after their effect.
//
// It wraps any http.Handler and knows paths only as patterns. Nothing here is
// random: a fault hits the nth call that fits, every time. Headers are not
// recorded, and secrets in bodies and queries are replaced, so that a record can
// be printed.
package traffic
