// Package kv is the account's Workers KV: namespaces and their values, seen
// the same over the API and through a Worker's binding.
//
// Everything lives in memory and every read is fresh; the real one may show
// an old value for a minute. Limits of keys and metadata are kept, bulk
// calls of the API are not there.
package kv
