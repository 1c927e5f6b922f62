// Package queue does what deliveries ask for: durably, once for each key, one work at
// a time for each lane, on as many servers as share the database.
//
// [Queue.Record] writes a delivery and its work in one transaction, together with all
// that came while the one before was under way; it is what a hook.Receiver records
// with. In the same transaction River is given a job for the work's lane, unless the
// lane has one that is still to begin. Whichever server has a hand free begins it, takes
// the lane's lease and does the lane's works one after another. What fails is tried
// again later and ends as a dead letter; what was cut off with its server is begun
// again: at once when that server starts again on its file, else by another one when the
// lease has ended. So a work may be done more than once, never twice at the same time,
// and must not mind that.
//
// The neighbours are hook, which receives, and ledger, which keeps.
package queue
