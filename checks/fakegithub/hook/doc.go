// Package hook tells the world: webhooks of the repository and of Apps, the
// signed deliveries they get, and the record of each, with redelivery.
//
// A delivery is sent once and never again by itself. Every receiver of one event
// gets the same GUID, and a redelivery keeps it. Between the sender and the
// receiver lies a network that a test can make lose, double, delay and reorder.
// Unlike GitHub it does send to loopback addresses, for which it was made.
package hook
