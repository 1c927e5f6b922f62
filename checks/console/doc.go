// Package console is the page that shows what the server knows and does: what each
// environment serves, rollbacks with their steps as they happen, holds, deliveries,
// dead letters and the audit log.
//
// Everybody who reaches it may read, unless it is private; who is signed in has
// buttons. A [Deed] is done only for a person who may, with a form that was made for
// that person's session, and every deed that was asked for is in the audit log with
// what came of it. The page works without JavaScript; with it, it changes as things do.
//
// The room knows no database and no platform: it is given functions, and the types
// of what it shows are its own. Who somebody is, cmd asks signin for it.
package console
