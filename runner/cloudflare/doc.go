// Package cloudflare is an account over HTTP: scripts with their versions and
// deployments, triggers, databases, stores, tokens.
//
// It stands on cloudflare-go's service packages for paths and authentication and
// adds what these leave open: one envelope check for every answer, an [Error]
// that keeps Cloudflare's codes, paging that ends, multipart uploads in the shape
// that the API takes, a bound on calls under way, and a policy that repeats only
// what may be repeated ([Options], http.go).
//
// The room knows no project and no stage: it says what the account answered, and
// what that means is for others to judge. It imports nothing of ours.
package cloudflare
