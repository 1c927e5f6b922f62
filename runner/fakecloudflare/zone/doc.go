// Package zone is the account's domains: their DNS records, the routes that
// bring requests to Workers, and custom domains.
//
// It also says where a request for a host and path would go, from what is
// there at that moment. It knows Workers by name only and asks whether one
// exists.
//
// DNS conflicts follow
// https://developers.cloudflare.com/dns/manage-dns-records/troubleshooting/records-with-same-name/.
// Checks of a record's content are few: addresses must be addresses.
package zone
