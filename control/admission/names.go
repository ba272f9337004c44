package admission

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/warmfront/warmfront/cdn"
)

// Names tells by which names, in lower case and without a port, an interface may
// be called.
type Names func(host string) bool

// LocalNames allows the names of which nobody else's DNS decides where they lead:
// addresses, names of one label and beneath "localhost", the zone and names
// beneath it.
func LocalNames(zone string) Names {
	zone = strings.ToLower(strings.Trim(zone, "."))
	return func(host string) bool {
		if _, err := netip.ParseAddr(host); err == nil {
			return true
		}
		if host == "" {
			return false
		}
		return !strings.Contains(host, ".") || strings.HasSuffix(host, ".localhost") ||
			zone != "" && (host == zone || strings.HasSuffix(host, "."+zone))
	}
}

// Check refuses, with the code AccessDenied, what a browser was tricked into
// sending. A page whose own name was made to resolve to this address (DNS
// rebinding) is same-origin with it, but gives itself away by the Host; any other
// page by the Origin.
func (n Names) Check(r *http.Request) error {
	host := hostname(r.Host)
	if !n(host) {
		return cdn.Errorf("AccessDenied", "The API is not called by the name %.253q here.", host)
	}
	for _, origin := range r.Header.Values("Origin") {
		u, err := url.Parse(origin)
		if err != nil || !strings.EqualFold(u.Host, r.Host) {
			return cdn.Errorf("AccessDenied", "The API is not for pages of the origin %.253q.", origin)
		}
	}
	return nil
}

// hostname returns the host of a Host header: lower case, without the port, the
// brackets of an IPv6 address or the dot at the end.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
