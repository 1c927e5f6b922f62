// Package signin knows who sits at the browser: a user of GitHub who came in by the
// web flow, or somebody who has the local token.
//
// A session is a cookie that says who it is and until when, signed with a key that
// every server of the same secret has. Nothing is kept here, so any server takes it;
// signing out takes the cookie away. A user's token of GitHub is asked one question,
// who it belongs to, and dropped. What the user may do is asked with the server's own
// identity, and again whenever something is to be done.
//
// The room shows no page itself: it is given a function for that. Its neighbour is
// console, which does not know it; cmd brings them together.
package signin
