// Package remedy says what to do about Cloudflare's refusals.
//
// [For] turns an error of the account into a finding whose hint is the remedy of
// the users' runbook for that code, or of Cloudflare's own documentation. It is
// the one table of codes and remedies, for whoever calls the account.
//
// The room calls nobody and decides nothing. Its neighbours are cloudflare, live
// and finding.
package remedy
