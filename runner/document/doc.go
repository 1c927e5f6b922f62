// Package document reads TOML, JSON with comments and YAML into one tree in
// which every key and every value knows where it is written, and takes typed
// values out of that tree.
//
// [Parse] makes the tree; a [Reader] takes values and collects, as findings at
// their places, what does not fit. Whoever reads a configuration file uses both
// and so needs to know neither formats nor places.
//
// The room knows no configuration of anybody: which keys mean what is for
// wrangler and project to say. Its only neighbour is finding.
package document
