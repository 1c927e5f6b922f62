// Package zone brings the host names of routes to Cloudflare: for each a proxied DNS
// record, without which no route of a Worker is ever asked.
//
// [Stage] reads the zones and their records, decides for every host name by itself
// what is to be done, and only when nothing is in the way of any of them changes the
// records of a zone, all together. Records that others made are left alone, or said to
// be in the way; what may be replaced is [Options.Replace].
//
// It makes no route and no custom domain, which belong to a deploy, and removes no
// record but those that stand in the place of its own. Its neighbours are project and
// cloudflare.
package zone
