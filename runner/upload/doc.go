// Package upload is what is sent to Cloudflare for one script: code, bindings and
// settings in the form of the API, with secrets and static files, and one digest
// over all of it.
//
// [Script.Make] makes the upload. Two scripts of equal [Script.Digest] behave
// alike, so a live version that says it has that digest need not be uploaded
// again. [Classes] is what Durable Object migrations an upload must carry.
//
// The room sends nothing and asks nobody. Its neighbours are project, bundle,
// secret, cloudflare, release and finding.
package upload
