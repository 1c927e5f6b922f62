package fakecloudflare

import (
	"slices"

	"github.com/tminus/deploy-action/runner/fakecloudflare/asset"
	"github.com/tminus/deploy-action/runner/fakecloudflare/d1"
	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/identity"
	"github.com/tminus/deploy-action/runner/fakecloudflare/kv"
	"github.com/tminus/deploy-action/runner/fakecloudflare/mint"
	"github.com/tminus/deploy-action/runner/fakecloudflare/queue"
	"github.com/tminus/deploy-action/runner/fakecloudflare/r2"
	"github.com/tminus/deploy-action/runner/fakecloudflare/script"
	"github.com/tminus/deploy-action/runner/fakecloudflare/tail"
	"github.com/tminus/deploy-action/runner/fakecloudflare/upload"
	"github.com/tminus/deploy-action/runner/fakecloudflare/workers"
	"github.com/tminus/deploy-action/runner/fakecloudflare/workflow"
	"github.com/tminus/deploy-action/runner/fakecloudflare/zone"
)

// Account is the state of the account, product by product. Here the products
// meet: each is told only what it must know of the others.
type Account struct {
	D1        *d1.Databases
	KV        *kv.Namespaces
	R2        *r2.Buckets
	Queues    *queue.Queues
	Assets    *asset.Sessions
	Scripts   *script.Scripts
	Zones     *zone.Zones
	Workflows *workflow.Workflows
	Tails     *tail.Tails
	Subdomain *workers.Subdomain
}

func newAccount(o Options, who *identity.Account) Account {
	m := mint.New(o.Clock, o.Seed)
	a := Account{D1: d1.New(m), KV: kv.New(m), R2: r2.New(m), Assets: asset.New(m), Subdomain: &workers.Subdomain{}}
	a.Subdomain.Set(o.Subdomain)
	a.Queues = queue.New(m, queue.World{
		Has:       func(name string) bool { return a.Scripts.Has(name) },
		Handles:   func(name string) bool { return a.handles(name, "queue") },
		Producers: func(name string) []string { return a.producers(name) },
	})
	a.Scripts = script.New(m, script.World{
		Bound: a.bound(), Files: a.Assets.Files, Consumes: a.Queues.Consumed, Subdomain: a.Subdomain.Name,
	})
	a.Zones = zone.New(m, zone.World{AccountID: o.AccountID, Has: a.Scripts.Has, AllZones: who.AllZones})
	for _, z := range o.Zones {
		a.Zones.Add(z.Name, z.ID)
	}
	a.Workflows = workflow.New(m, a.exports)
	a.Tails = tail.New(m, a.Scripts.Has)
	return a
}

func (a Account) endpoints(who *identity.Account) []envelope.Endpoint {
	api := &workers.Workers{Scripts: a.Scripts, Subdomain: a.Subdomain, Email: who.Email, Forget: a.Zones.Forget}
	return slices.Concat(a.D1.Endpoints(), a.KV.Endpoints(), a.R2.Endpoints(), a.Queues.Endpoints(), a.Assets.Endpoints(),
		api.Endpoints(), a.Zones.Endpoints(), a.Workflows.Endpoints(), a.Tails.Endpoints())
}

// bound says how each kind of binding is checked for what it names.
func (a Account) bound() map[string]func(upload.Binding) error {
	return map[string]func(upload.Binding) error{
		"kv_namespace": func(b upload.Binding) error { return a.KV.Check(b.Text("namespace_id")) },
		"r2_bucket":    func(b upload.Binding) error { return a.R2.Check(b.Text("bucket_name")) },
		"queue":        func(b upload.Binding) error { return a.Queues.Check(b.Text("queue_name")) },
		"d1": func(b upload.Binding) error {
			if a.D1.Has(b.Text("id")) {
				return nil
			}
			return envelope.Fail(400, 10181, "D1 binding '%s' references database '%s' which was not found. "+
				"Verify the database exists in your account and that the database_id in your configuration is correct.", b.Name, b.Text("id"))
		},
	}
}

// handles says whether the version of a script that serves seems to handle an event.
func (a Account) handles(name, event string) bool {
	s, err := a.Scripts.Get(name)
	return err == nil && s.Serving() != nil && slices.Contains(s.Serving().Code.Handlers, event)
}

// producers returns the scripts bound to a queue.
func (a Account) producers(queue string) []string {
	var found []string
	for _, s := range a.Scripts.All() {
		serving := s.Serving()
		if serving == nil {
			continue
		}
		if slices.ContainsFunc(serving.Bindings, func(b upload.Binding) bool { return b.Type == "queue" && b.Text("queue_name") == queue }) {
			found = append(found, s.Name)
		}
	}
	return found
}

func (a Account) exports(name, class string) (exists, has bool) {
	s, err := a.Scripts.Get(name)
	if err != nil {
		return false, false
	}
	return true, s.Serving().Code.Has(class)
}
