// Package notice tells people and programs elsewhere what the server did: in the shape
// of Slack's incoming webhooks, which Mattermost and Discord understand too, or as
// signed JSON.
//
// A [Messenger] sends one [News] to one [Destination], once. It says whether trying
// again may help and never tells the address, which is a secret, to anybody. Signed
// news follow the Standard Webhooks: a receiver tells by webhook-id whether it has had
// them, and by webhook-signature whether they are ours.
//
// The room keeps nothing and repeats little: that news are sent at last, and once, is
// the queue's business. What happened is decided by whoever calls.
package notice
