// Package traffic stands between the wire and the fake account: it writes
// down every call in order, delays answers, and breaks the calls a test asks
// it to break, before or after their effect.
//
// It wraps any http.Handler and knows paths only as patterns; what the calls
// mean is the business of the rooms behind it. Nothing here is random: a
// fault hits the nth call that fits, every time.
package traffic
