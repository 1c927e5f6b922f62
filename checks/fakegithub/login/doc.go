// Package login is the web flow of OAuth: a browser is sent to authorize, comes
// back with a code, and the App's server changes the code for a user's token.
//
// There is no page to type a password into. A test says who sits at the browser
// (SignIn); nobody does at first. Codes work once and for ten minutes. Errors of
// the exchange are answered with 200, as GitHub does.
package login
