// Package queue is the account's queues: their settings, who consumes them,
// and the messages on the way.
//
// Messages come from Workers (ServeBinding, in workerd's protocol) or over the
// API, wait here, and are handed in batches to whoever Deliver is, with
// retries and a dead letter queue. Because they wait here and not in the
// runtime, a new deployment loses none, the backlog can be measured, and a
// queue without a consumer keeps what it has. One batch per queue is under way
// at a time, whatever max_concurrency says. Pull consumers can be made, but
// not pulled from.
package queue
