// Package live is the account as it stands, for the scripts of one environment:
// which version serves, since when and from which release, and what triggers it.
//
// [Read] asks everything side by side, in three round trips where nothing is
// slow. [Account.Changes] compares wanted triggers with those that are live and
// gives what would have to change, without changing it; [Change.Apply] changes
// it. Deploying, rolling back, planning and showing a status all begin here.
//
// The room judges nothing: what is missing or in the way it tells, whether that
// closes a gate is for others to say. Its neighbours are cloudflare, release and
// finding.
package live
