// Package identity knows who asks: users with their permission on the
// repository, Apps with their keys and installations, and the tokens all of them
// hold. It decides whether a call may go on to its endpoint, and shows users and
// Apps as GitHub does.
//
// An App's JSON Web Token is really verified: RS256 by the registered key, the
// issuer, the time it was issued, and at most ten minutes of life. Where GitHub
// does not document its words for a refusal, that is said.
package identity
