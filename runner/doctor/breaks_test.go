package doctor_test

import (
	"context"
	"os"
	"path/filepath"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare/dns"
	"github.com/tminus/deploy-action/runner/probe"
)

// write writes a file of the project.
func (w *world) write(file, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, file), []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// record takes the record of a host away, and may put another one in its place.
func (w *world) record(host string, other *dns.Content) {
	w.t.Helper()
	zones, err := w.client.Zones(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	all, err := w.client.Records(context.Background(), zones[0].ID)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range all {
		if r.Name == host {
			w.ask("DELETE", "/zones/"+zones[0].ID+"/dns_records/"+r.ID, "")
		}
	}
	if other != nil {
		if _, err := w.Zones.AddRecord("tminus.ink", *other); err != nil {
			w.t.Fatal(err)
		}
	}
}

// unroute takes all routes of the zone away.
func (w *world) unroute() {
	w.t.Helper()
	zones, err := w.client.Zones(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	all, err := w.client.Routes(context.Background(), zones[0].ID)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range all {
		w.ask("DELETE", "/zones/"+zones[0].ID+"/workers/routes/"+r.ID, "")
	}
}

func (w *world) queue(name string) cloudflare.Queue {
	w.t.Helper()
	all, err := w.client.Queues(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, q := range all {
		if q.Name == name {
			return q
		}
	}
	w.t.Fatalf("there is no queue %s", name)
	return cloudflare.Queue{}
}

func (w *world) unconsume(name string) {
	w.t.Helper()
	q := w.queue(name)
	for _, c := range q.Consumers {
		w.ask("DELETE", "/accounts/ACCOUNT/queues/"+q.ID+"/consumers/"+c.ID, "")
	}
}

// untrusted has the prober trust nobody but the system's authorities.
func (w *world) untrusted() {
	w.t.Helper()
	pin, err := probe.ParseResolve("*:443:" + w.face)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.probe, err = probe.New(probe.Options{Resolve: []probe.Resolve{pin}}); err != nil {
		w.t.Fatal(err)
	}
}
