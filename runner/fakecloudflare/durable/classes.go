// Package durable is the Durable Object classes of a script and the
// migrations by which they come, move and go.
//
// It knows codes and texts of refusals and no account: package script hands it
// the classes as they are and takes them back as they will be. The objects
// themselves are kept by the runtime, under a class's Namespace.
package durable

import "maps"

// Class is a Durable Object class a script implements. Namespace names its
// stored objects and stays when the class is renamed.
type Class struct {
	Namespace string
	SQLite    bool
}

// Classes are the Durable Object classes of a script and how they came to be.
type Classes struct {
	Tag    string // of the last migration
	Epoch  int    // how many there were
	ByName map[string]Class
}

// Clone returns a copy whose map is its own and not nil.
func (c Classes) Clone() Classes {
	c.ByName = maps.Clone(c.ByName)
	if c.ByName == nil {
		c.ByName = map[string]Class{}
	}
	return c
}
