// Package kv is the account's Workers KV: namespaces and their values, seen
// the same over the API and through a Worker's binding.
//
// Everything lives in memory and every read is fresh; the real one may show
// an old value for a minute. Limits of keys and metadata are kept, bulk
// calls of the API are not there. The codes 10019, 10033 and 10047 are chosen
// here: what the real API answers to such titles, times and keys is not documented.
package kv
