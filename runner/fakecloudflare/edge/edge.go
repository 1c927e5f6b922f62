// Package edge is where requests for the account's host names arrive: https on
// one loopback address, with a certificate for whatever name the client asks
// for, made on the spot by an authority that lives as long as the process.
//
// It knows neither routes nor Workers; it is told who answers a host and path,
// hands the request on with the headers Cloudflare adds, and has Cloudflare's
// error pages for when nobody does:
//
//	530 error code: 1001  the host belongs to no zone of the account
//	530 error code: 1016  no proxied DNS record brings the host here; the real
//	                      one would not resolve, and this address was reached anyway
//	522 error code: 522   it comes here, but no route or custom domain fits, and
//	                      the origin behind it does not exist
//	404 error code: 1042  the workers.dev name of no Worker, or of one that is off
package edge

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
)

// Outcome says what becomes of a request.
type Outcome struct {
	Script string // who answers; empty when nobody does
	Status int    // of the error page when nobody does
	Code   int
	Why    string
}

// Edge is the https handler.
type Edge struct {
	Find  func(host, target string) Outcome
	Ask   func(w http.ResponseWriter, r *http.Request, script string, address *url.URL)
	count atomic.Uint64
}

// ServeHTTP answers one request for a host of the account.
func (e *Edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ray := fmt.Sprintf("fa5e%012x", e.count.Add(1))
	w.Header().Set("Server", "cloudflare")
	w.Header().Set("Cf-Ray", ray+"-AMS")
	host := strings.ToLower(r.Host)
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	found := e.Find(host, r.URL.RequestURI())
	if found.Script == "" {
		http.Error(w, fmt.Sprintf("error code: %d\n%s", found.Code, found.Why), found.Status)
		return
	}
	client, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		client = r.RemoteAddr
	}
	r.Header.Set("Cf-Connecting-Ip", client)
	r.Header.Set("Cf-Ray", ray)
	r.Header.Set("Cf-Visitor", `{"scheme":"https"}`)
	r.Header.Set("Cf-Ipcountry", "NL")
	address := *r.URL
	address.Scheme, address.Host = "https", host
	e.Ask(w, r, found.Script, &address)
}
