package probe

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Resolve says where a host is, as curl's --resolve does.
type Resolve struct {
	Host string // lower case; "*" stands for every host
	Port int
	To   string // address and port
}

// ParseResolve reads HOST:PORT:ADDR as curl does. ADDR may be an IPv6 address in
// brackets, and, other than with curl, may carry a port of its own, for servers
// that cannot listen on 443: HOST:443:127.0.0.1:8443.
func ParseResolve(text string) (Resolve, error) {
	bad := func(why string) (Resolve, error) {
		return Resolve{}, fmt.Errorf("%q is no HOST:PORT:ADDR: %s", text, why)
	}
	host, rest, ok := strings.Cut(strings.TrimPrefix(text, "+"), ":")
	if !ok || host == "" {
		return bad("the host is missing")
	}
	portText, address, ok := strings.Cut(rest, ":")
	port, err := strconv.ParseUint(portText, 10, 16)
	if !ok || err != nil || port == 0 {
		return bad("the port is missing")
	}
	to := address
	if ip := net.ParseIP(strings.Trim(address, "[]")); ip != nil {
		to = net.JoinHostPort(ip.String(), portText)
	} else if h, p, err := net.SplitHostPort(address); err != nil || net.ParseIP(h) == nil || p == "" {
		return bad("the address must be an IP address")
	}
	return Resolve{Host: strings.ToLower(host), Port: int(port), To: to}, nil
}

// match gives where an address is, if this entry is about it.
func (r Resolve) match(address string) (string, bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port != strconv.Itoa(r.Port) {
		return "", false
	}
	return r.To, r.Host == "*" || strings.EqualFold(host, r.Host)
}
