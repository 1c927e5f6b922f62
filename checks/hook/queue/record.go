package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tidwall/gjson"

	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/hook/ledger"
)

// Deliveries that come while a transaction is under way are recorded together in the
// next one, so that many wait for one write to the disk. most bounds how many.
const (
	most   = 128
	writes = 7 * time.Second
)

// ask is a delivery that waits to be recorded.
type ask struct {
	delivery hook.Delivery
	decision hook.Decision
	told     chan told
}

// key orders deliveries by the work they tell of.
func (a ask) key() string {
	if a.decision.Order == nil {
		return ""
	}
	return a.decision.Order.Key
}

type told struct {
	receipt hook.Receipt
	err     error
}

// Record implements hook.Record: it returns when the delivery and its work are on the
// disk. An error that is not hook.ErrStopping says that this is not known.
func (q *Queue) Record(ctx context.Context, d hook.Delivery, c hook.Decision) (hook.Receipt, error) {
	if c.Order != nil && c.Order.Key == "" {
		return hook.Receipt{}, errors.New("record delivery: its work has no key")
	}
	if c.Order != nil && len(c.Order.Args) > 0 && !gjson.ValidBytes(c.Order.Args) {
		return hook.Receipt{}, errors.New("record delivery: the arguments of its work are no JSON")
	}
	a := ask{d, c, make(chan told, 1)}
	select {
	case q.asks <- a:
	case <-q.closing:
		return hook.Receipt{}, hook.ErrStopping
	case <-ctx.Done():
		return hook.Receipt{}, ctx.Err()
	}
	select {
	case t := <-a.told:
		return t.receipt, t.err
	case <-ctx.Done():
		return hook.Receipt{}, ctx.Err()
	}
}

// recorder records until the queue closes.
func (q *Queue) recorder() {
	for {
		select {
		case a := <-q.asks:
			q.record(q.gather(a))
		case <-q.closing:
			return
		}
	}
}

func (q *Queue) gather(first ask) []ask {
	asks := []ask{first}
	for len(asks) < most {
		select {
		case a := <-q.asks:
			asks = append(asks, a)
		default:
			return asks
		}
	}
	return asks
}

// record writes several deliveries at once. If that fails, each is tried alone, so
// that one that cannot be kept does not take others with it.
func (q *Queue) record(asks []ask) {
	// Two servers that record the same works must meet in the same order.
	slices.SortStableFunc(asks, func(a, b ask) int { return cmp.Compare(a.key(), b.key()) })
	receipts, err := q.write(asks)
	if err == nil {
		for i, a := range asks {
			a.told <- told{receipts[i], nil}
		}
		return
	}
	if len(asks) == 1 {
		asks[0].told <- told{hook.Receipt{}, err}
		return
	}
	q.o.Log.Warn("deliveries are recorded one by one", "count", len(asks), "error", err)
	for _, a := range asks {
		q.record([]ask{a})
	}
}

func (q *Queue) write(asks []ask) ([]hook.Receipt, error) {
	ctx, cancel := context.WithTimeout(q.ctx, writes)
	defer cancel()
	var receipts []hook.Receipt
	err := q.Ledger.Write(ctx, func(tx ledger.Tx) error {
		var lanes []ledger.Lane
		for _, a := range asks {
			receipt, job, err := q.Ledger.Record(ctx, tx, a.delivery, a.decision)
			if err != nil {
				return err
			}
			receipts = append(receipts, receipt)
			if job != nil {
				lanes = append(lanes, ledger.Lane{Name: job.Lane})
			}
		}
		return q.want(ctx, tx, lanes)
	})
	return receipts, err
}

// Add records a work that no delivery asks for by itself: one that follows from another
// work, or that a person orders. The delivery says whose it is, by its GUID and
// repository; it is not recorded. Like a work that is told twice, one whose key is known
// is joined, and a dead letter is driven again.
func (q *Queue) Add(ctx context.Context, d hook.Delivery, c hook.Decision) (hook.Receipt, error) {
	if c.Order == nil || c.Order.Key == "" {
		return hook.Receipt{}, errors.New("add work: it has no key")
	}
	if len(c.Order.Args) > 0 && !gjson.ValidBytes(c.Order.Args) {
		return hook.Receipt{}, errors.New("add work: its arguments are no JSON")
	}
	var receipt hook.Receipt
	err := q.change(ctx, func(tx ledger.Tx) (job *ledger.Job, err error) {
		receipt, job, err = q.Ledger.Order(ctx, tx, d, c)
		return job, err
	})
	return receipt, err
}

// Redrive has a dead letter tried again, as often as a new work.
func (q *Queue) Redrive(ctx context.Context, work int64) error {
	return q.change(ctx, func(tx ledger.Tx) (*ledger.Job, error) {
		job, err := q.Ledger.Redrive(ctx, tx, work)
		if err == nil && job == nil {
			err = fmt.Errorf("redrive work %d: it is no dead letter", work)
		}
		return job, err
	})
}

// change does something after which a work may have to be begun.
func (q *Queue) change(ctx context.Context, do func(ledger.Tx) (*ledger.Job, error)) error {
	return q.Ledger.Write(ctx, func(tx ledger.Tx) error {
		job, err := do(tx)
		if err != nil || job == nil {
			return err
		}
		return q.want(ctx, tx, []ledger.Lane{{Name: job.Lane}})
	})
}

// Dismiss makes a dead letter one that nobody has to look at any more. It is kept as
// long as a work that is done, and driven again if another delivery tells of it.
func (q *Queue) Dismiss(ctx context.Context, work int64) error {
	var job *ledger.Job
	err := q.Ledger.Write(ctx, func(tx ledger.Tx) (err error) {
		if job, err = q.Ledger.Dismiss(ctx, tx, work); err == nil && job == nil {
			err = fmt.Errorf("dismiss work %d: it is no dead letter", work)
		}
		return err
	})
	if err == nil {
		q.watch.publish(Event{Work: work, Key: job.Key, Lane: job.Lane, State: ledger.Dismissed, At: time.Now()})
	}
	return err
}
