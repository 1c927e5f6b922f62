// Package child runs commands of the project: its package manager and its build.
//
// A command gets exactly the environment that it is given, runs in a process
// group of its own that dies with the context, and its output is handed on line
// by line. [Complaints] finds in that output what compilers complain about, with
// places. [Manager] is the project's package manager and how it is called here.
//
// The room knows commands, no stage and no platform. Its neighbour is finding.
package child
