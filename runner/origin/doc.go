// Package origin finds where a line of built JavaScript came from: it reads the
// frames of a stack, and with the source map of the bundle leads them back to files
// of the project.
//
// A stack is foreign text: what looks like no frame is left alone. Frames that lead
// to a source already, because Cloudflare had the map and decoded them, are
// recognised. The first frame in the project's own code, and not in a package that
// it installed, is the place that a person wants to see.
//
// Whether a map belongs to the code that threw, the room cannot know: its caller
// compares the code. Its neighbour is finding.
package origin
