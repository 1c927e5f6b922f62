// Package identity is who may ask: the account, its user, and its tokens with
// what they are allowed to do.
//
// It answers whoami's questions and lets every other call in or not. Which
// permission a call needs is said by the endpoint that serves it; that a zone
// exists is for package zone to say.
//
// Codes: 9106 no or unreadable credentials, 9103 a key and e-mail pair (the
// account has none), 10000 a token that is unknown or lacks a permission,
// 10001 a token that is expired or disabled, 9109 a user's resource asked for
// with an account's token, 1000 a token that verify does not know.
package identity
