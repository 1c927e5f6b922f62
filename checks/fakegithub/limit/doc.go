// Package limit counts what callers ask per hour and refuses them when it is too
// much: GitHub's primary rate limit. Tokens of workflows share a thousand calls
// for the repository, everybody else has five thousand, and who shows no token
// sixty.
//
// The secondary limits, which depend on how fast somebody asks, are not
// counted: traffic.TooOften is their refusal, for a fault.
package limit
