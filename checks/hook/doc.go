// Package hook receives GitHub's deliveries over HTTP and loses none.
//
// A [Receiver] checks a delivery's signature and shape, has it judged by a function
// it is given, hands it with the judgement to whoever records it, and answers when
// that is durable, with what was decided. It never does the work itself. What
// cannot be recorded is refused with 503, so that GitHub lists it as failed and it
// can be delivered again: GitHub delivers once and waits 10 s for the answer.
//
// The room knows no event and no database. Its neighbours are ledger, where
// deliveries and works are kept, and queue, which records both together and works.
package hook
