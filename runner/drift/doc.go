// Package drift compares what a configuration says of one script with the version
// of it that is live: bindings, variables and compatibility settings.
//
// A difference says what an upload would change. A plan shows them as what is going
// to be; a doctor shows them as what somebody else has done, or nobody yet. Values of
// variables that look like secrets are hidden.
//
// The room asks nobody anything and changes nothing. Triggers are compared by live,
// settings outside of versions by fleet. Its neighbours are project, wrangler,
// cloudflare, preview and those that stand on it: outlook and doctor.
package drift
