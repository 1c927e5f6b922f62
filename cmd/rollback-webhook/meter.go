package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/tminus/deploy-action/checks/meter"
)

// measure makes the meter, and has the calls to both platforms counted.
func (s *server) measure() {
	s.meter = meter.New(meter.Options{Version: version, Repositories: s.config.Repository, Environments: s.config.Environment, Log: s.log})
	way := func() *http.Transport {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = 32
		return t
	}
	// The clients are made anew for each work: they share these, so that connections
	// are used again.
	s.config.ways = ways{github: s.meter.Transport("github", way()), cloudflare: s.meter.Transport("cloudflare", way())}
}

// ended is how a try to take a release back is counted.
func ended(ctx context.Context, o outcome, err error) string {
	switch {
	case err == nil:
		return string(o.Kind)
	case errors.Is(ctx.Err(), context.Canceled):
		return "interrupted"
	}
	return "failed"
}
