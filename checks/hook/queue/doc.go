// Package queue does what deliveries ask for: durably, once for each key, one work at
// a time for each lane, on as many servers as share the database.
//
// [Queue.Record] writes a delivery and its work in one transaction, together with all
// that came while the one before was under way; it is what a hook.Receiver records
// with. What was recorded is begun at once by the server that recorded it, else within
// a second by another. The server that has a lane's lease does the lane's works one
// after another. What fails is tried again later and ends as a dead letter; what was
// cut off with its server is begun again: at once when that server starts again on its
// file, else by another one when the lease has ended. So a work may be done more than
// once, never twice at the same time, and must not mind that.
//
// The neighbours are hook, which receives, and ledger, which keeps.
package queue
