// Package zone is the account's domains: their DNS records, the routes that
// bring requests to Workers, and custom domains.
//
// It also says where a request for a host and path would go, from what is
// there at that moment. It knows Workers by name only and asks whether one
// exists.
package zone
