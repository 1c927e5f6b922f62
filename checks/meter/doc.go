// Package meter counts what the server does, for Prometheus.
//
// A [Meter] has a registry of its own. What others count already it reads when it is
// asked: a Receiver's answers, and the ledger's works, these at most once in a few
// seconds, so that asking is cheap. What nobody counts it counts itself: rollbacks,
// news, and through [Meter.Transport] the calls to the platforms and what their rate
// limits leave.
//
// Labels have few values: what comes from outside is counted as "other" unless it is
// known. The room decides nothing. Its neighbours are hook and its ledger.
package meter
