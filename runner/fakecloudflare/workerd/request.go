package workerd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
)

// enter waits until what is deployed is served, and counts the caller in.
func (f *Fleet) enter(ctx context.Context) (served, error) {
	for {
		if err := f.Settle(ctx); err != nil {
			return served{}, err
		}
		f.mu.RLock()
		if now := f.served; now.revision == f.world.Scripts.Revision() {
			f.active.Add(1)
			f.mu.RUnlock()
			return now, nil
		}
		f.mu.RUnlock()
	}
}

func (f *Fleet) leave() { f.active.Add(-1) }

// Ask passes a request to a script and its response back, bodies and web
// sockets included. The script sees the address given, whatever the request
// says. Exceptions in it come back as 500 with "error code: 1101".
func (f *Fleet) Ask(w http.ResponseWriter, r *http.Request, script string, address *url.URL) {
	now, err := f.enter(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer f.leave()
	s, err := f.world.Scripts.Get(script)
	if err != nil || s.Serving() == nil {
		http.Error(w, "error code: 1042", http.StatusNotFound)
		return
	}
	worker := choose(s, r.Header, now.turns)
	target, err := url.Parse(now.url)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	proxy := &httputil.ReverseProxy{
		Transport:     f.wire,
		FlushInterval: -1,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host, p.Out.Host = target.Scheme, target.Host, address.Host
			p.SetXForwarded()
			p.Out.Header.Del("x-fake-event") // the router's, not a client's
			p.Out.Header.Set("x-fake-worker", worker)
			p.Out.Header.Set("x-fake-url", address.String())
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, "error code: 1101\nthe runtime did not answer: "+err.Error(), http.StatusInternalServerError)
		},
		ErrorLog: log.New(io.Discard, "", 0), // the caller is told
	}
	proxy.ServeHTTP(w, r)
}

// Event gives a script an event that is no request, "queue" with a batch or
// "scheduled" with a cron, and returns what the runtime reports of it as JSON.
func (f *Fleet) Event(ctx context.Context, script, event, cron string, body []byte) ([]byte, error) {
	now, err := f.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer f.leave()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, now.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("x-fake-worker", script)
	req.Header.Set("x-fake-event", event)
	req.Header.Set("x-fake-url", cron)
	resp, err := (&http.Client{Transport: f.wire}).Do(req)
	if err != nil {
		return nil, fmt.Errorf("give %s the event %s: %w", script, event, err)
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("give %s the event %s: %w", script, event, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("give %s the event %s: %s", script, event, answer)
	}
	return answer, nil
}
