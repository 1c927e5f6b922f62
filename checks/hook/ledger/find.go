package ledger

import "context"

// Received tells whether a delivery was recorded, and how the work stands that it asked
// for; the state is empty without one.
func (l *Ledger) Received(ctx context.Context, guid string) (state State, known bool, err error) {
	err = l.read.each(ctx, "SELECT COALESCE(w.state, '') FROM hook_deliveries d LEFT JOIN hook_works w ON w.id = d.work WHERE d.guid = $1", []any{guid}, func(scan func(...any) error) error {
		var s string
		known = true
		err := scan(&s)
		state = State(s)
		return err
	})
	return state, known, err
}

// Notes are the lines of the audit log that somebody wrote about something, the oldest
// first.
func (l *Ledger) Notes(ctx context.Context, who, about string) ([]Noted, error) {
	var all []Noted
	err := l.read.each(ctx, "SELECT id, at, who, what, about FROM hook_audit WHERE who = $1 AND about = $2 ORDER BY id", []any{text(who), text(about)}, func(scan func(...any) error) error {
		var n Noted
		var ms int64
		err := scan(&n.ID, &ms, &n.Who, &n.What, &n.About)
		n.At = moment(ms)
		all = append(all, n)
		return err
	})
	return all, err
}
