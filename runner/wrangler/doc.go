// Package wrangler reads one wrangler configuration file, TOML or JSON with
// comments, and remembers where every value was written, so that whatever is
// later found wrong with it can be shown on the very line.
//
// [Read] gives the file as written. [File.In] gives one environment as it is
// meant: what the environment inherits from the top level is filled in by the
// rules that wrangler itself follows, and what it does not inherit is not.
//
// The room judges form only: syntax, types, keys that nobody knows. Whether the
// configuration is wise is for project to say, which sees all Workers together.
// Field names are wrangler's own; bindings also carry the shape in which
// Cloudflare's API wants them. Its neighbour is finding.
package wrangler
