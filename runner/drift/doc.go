// Package drift compares what a configuration says of one script with what is live of
// it: bindings, variables and compatibility settings of its version, and the settings
// and triggers that no version carries.
//
// A difference says what a deploy would change. A plan shows them as what is going
// to be; a doctor shows them as what somebody else has done, or nobody yet. Values of
// variables that look like secrets are hidden. [Wanted] are the triggers that the
// configuration asks for; live compares them, because they may belong to others.
//
// The room asks nobody anything and changes nothing. Its neighbours are project,
// wrangler, cloudflare, live, preview, release and those that stand on it: fleet,
// outlook, diagnosis and doctor.
package drift
