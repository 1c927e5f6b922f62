package provision

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/remedy"
)

// account is what the account has of each kind. It is listed once for all
// environments; what is made since is added.
type account struct {
	client *cloudflare.Client
	mu     sync.Mutex
	has    map[*kind][]made
}

// look lists the kinds that were not listed yet, side by side.
func (a *account) look(ctx context.Context, wanted []*kind) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, k := range wanted {
		a.mu.Lock()
		_, known := a.has[k]
		a.mu.Unlock()
		if !known {
			group.Go(func() error { return a.list(ctx, k) })
		}
	}
	return group.Wait()
}

func (a *account) list(ctx context.Context, k *kind) error {
	all, err := k.list(ctx, a.client)
	if err != nil {
		return refused(err, k)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.has[k] = all
	return nil
}

// named finds a store by its name, known finds it by its id.
func (a *account) named(k *kind, name string) (made, bool) {
	return a.find(k, func(m made) bool { return m.name == name })
}

func (a *account) known(k *kind, id string) (made, bool) {
	return a.find(k, func(m made) bool { return m.id == id })
}

func (a *account) find(k *kind, fits func(made) bool) (made, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if i := slices.IndexFunc(a.has[k], fits); i >= 0 {
		return a.has[k][i], true
	}
	return made{}, false
}

// create makes a store. When the answer is a refusal or does not come, the account
// is asked again: somebody else may have made it in between, or it was made and the
// answer was lost. Then that one is taken.
func (a *account) create(ctx context.Context, k *kind, name string) (made, error) {
	m, err := k.create(ctx, a.client, name)
	if err == nil && m.id == "" {
		err = finding.Errorf("cloudflare", finding.Position{}, "%s %s was made, and the answer has no id", k.name, name).Hintf("run again: it is then found by its name")
	}
	if err == nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.has[k] = append(slices.Clone(a.has[k]), m)
		return m, nil
	}
	if !cloudflare.IsDenied(err) && ctx.Err() == nil && a.list(ctx, k) == nil {
		if there, ok := a.named(k, name); ok {
			return there, nil
		}
	}
	return made{}, refused(err, k)
}

// refused says what to do about a refusal.
func refused(err error, k *kind) error {
	if k == buckets && cloudflare.Has(err, 10042) { // of R2 only
		return finding.Errorf("cloudflare", finding.Position{}, "%s", err).Hintf("enable R2 in the dashboard of the account, once")
	}
	return remedy.For(err, k.permission)
}
