// Package upload reads what a client sends as a new Worker: the multipart
// body, its metadata, its bindings and its modules, and looks at the modules
// the way the real account does before it takes them.
//
// It knows the form of an upload and nothing of the account: whether a bound
// database exists, whether a migration fits, is for package script to say.
// What it cannot see without running the code (an exception at startup, CPU
// time) it does not refuse.
package upload
