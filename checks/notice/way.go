package notice

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// near tells whether an address is this machine or in a private network.
func near(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast()
}

// public tells whether a host is surely a public address. Where a name leads is only
// seen when it is dialled.
func public(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && !near(a)
}

var errPublic = errors.New("the address is public and not encrypted")

// transport is the way to a destination. Unencrypted news go to near addresses only,
// wherever the name leads by then, and through no proxy.
func transport(nearOnly bool) http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost, t.IdleConnTimeout = 1, 30*time.Second
	if !nearOnly {
		return t
	}
	t.Proxy = nil
	t.DialContext = (&net.Dialer{Timeout: timeout, Control: nearby}).DialContext
	return t
}

// nearby refuses to dial what is not near. It implements net.Dialer's Control.
func nearby(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !near(at.Addr()) {
		return errPublic
	}
	return nil
}

// sameHost follows a redirect that keeps the host, the encryption and the news.
func sameHost(r *http.Request, via []*http.Request) error {
	first := via[0].URL
	if len(via) > 3 || r.URL.Host != first.Host || r.URL.Scheme != first.Scheme || r.Method != http.MethodPost {
		return http.ErrUseLastResponse
	}
	return nil
}
