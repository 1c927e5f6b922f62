// Package provision makes what the configuration names and the account lacks: D1
// databases, KV namespaces, R2 buckets and queues, and writes the ids that the
// account gives over the placeholders in the wrangler files.
//
// [Stages] are the steps for some environments, and for the top level of the files
// where all are meant. A store is found by its name before it is made, and its id is
// written as soon as it is known, so that a run that was cut off can be done again.
//
// It replaces no id that is written, makes no Worker and no DNS record, and removes
// nothing. Its neighbours are wrangler, which writes into a file, check, which knows
// a placeholder and whose stores are shared, cloudflare, and whole.
package provision
