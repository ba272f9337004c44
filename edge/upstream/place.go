package upstream

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn/origins"
)

// place is where and how an origin is connected to. Connections of the same place
// are shared.
type place struct {
	scheme string
	// host is what TLS verifies, addr what is dialed: a name or an address, with
	// the port.
	host, addr string
	// trusted addresses are the operator's own words: they may be loopback or
	// private; endpoint says it is the S3 endpoint, which is a service of the
	// cluster.
	trusted, endpoint bool
	attempts          int
	connect, idle     time.Duration
	tls               versions
	// forwarded is the viewers' Host where the origin is told that instead of its own.
	forwarded string
	// sni and names are what a function says of TLS, names one after the other with spaces
	// between; family limits the addresses to "ipv4" or "ipv6".
	sni, names, family string
}

// name is the host that is dialed.
func (p place) name() string {
	host, _, _ := net.SplitHostPort(p.addr) // dialing says what is wrong with it
	return host
}

// place finds where a request to o goes. Names of S3 (and origins of that kind)
// go to the S3 endpoint, where there is one; names that the operator mapped go
// where they say; all others are resolved.
func (u *Upstream) place(o *origins.Origin, scheme string) place {
	p := place{host: o.Domain, attempts: max(1, o.ConnectAttempts), connect: cmp.Or(o.ConnectTimeout, 10*time.Second), idle: cmp.Or(o.KeepaliveTimeout, 5*time.Second), tls: versionsOf(o), family: o.Addresses}
	p.scheme = "http"
	switch {
	case o.Kind == origins.S3, o.Protocol == origins.HTTPSOnly, o.Protocol == origins.MatchViewer && scheme == "https":
		p.scheme = "https"
	}
	port := o.HTTPPort
	if p.scheme == "https" {
		port = o.HTTPSPort
	}
	p.addr = net.JoinHostPort(strings.Trim(o.Domain, "[]"), strconv.Itoa(int(port)))
	if to, ok := u.named(o.Domain); ok {
		p.trusted = true
		p.addr = withPort(to, port)
		if o.Kind == origins.S3 { // reached as it is named: in the clear
			p.scheme = "http"
		}
		return p
	}
	if u.s3 != nil && (o.Kind == origins.S3 || isS3Name(o.Domain)) {
		p.trusted, p.endpoint = true, true
		p.scheme, p.host, p.addr = u.s3.Scheme, u.s3.Hostname(), u.s3.Host
	}
	return p
}

// named returns where the operator said that a host name is: by its own name first, then
// by that of whatever it is in ("*.elb.amazonaws.com"), the nearest first.
func (u *Upstream) named(host string) (to string, ok bool) {
	if to, ok = u.cfg.Names[host]; ok {
		return to, true
	}
	for rest := host; !ok; {
		if _, rest, ok = strings.Cut(rest, "."); !ok {
			return "", false
		}
		to, ok = u.cfg.Names["*."+rest]
	}
	return to, true
}

// isS3Name reports whether a host name is one of S3's, of whatever style:
// demo.s3.amazonaws.com, demo.s3.us-east-1.amazonaws.com,
// demo.s3-website-us-east-1.amazonaws.com.
func isS3Name(host string) bool {
	rest, ok := strings.CutSuffix(host, ".amazonaws.com")
	if !ok {
		return false
	}
	for label := range strings.SplitSeq(rest, ".") {
		if label == "s3" || strings.HasPrefix(label, "s3-") {
			return true
		}
	}
	return false
}

// withPort returns to with a port, port where it names none.
func withPort(to string, port uint16) string {
	if _, _, err := net.SplitHostPort(to); err == nil {
		return to
	}
	return net.JoinHostPort(strings.Trim(to, "[]"), strconv.Itoa(int(port)))
}

// checkNames reads the operator's settings once, in the words of their flags.
func checkNames(cfg Config) (*url.URL, error) {
	for name, to := range cfg.Names {
		host, port, err := net.SplitHostPort(withPort(to, 80))
		if n, err2 := strconv.ParseUint(port, 10, 16); err != nil || err2 != nil || n == 0 || host == "" {
			return nil, fmt.Errorf("--origin %s=%s: the address must be HOST, HOST:PORT or [IPV6]:PORT", name, to)
		}
	}
	if cfg.S3Endpoint == "" {
		return nil, nil
	}
	s3, err := url.Parse(cfg.S3Endpoint)
	if err != nil || s3.Scheme != "http" && s3.Scheme != "https" || s3.Hostname() == "" || strings.Trim(s3.Path, "/") != "" {
		return nil, fmt.Errorf("--s3-endpoint %q: it must be http://HOST[:PORT] or https://HOST[:PORT]", cfg.S3Endpoint)
	}
	if s3.Port() == "" {
		s3.Host = withPort(s3.Host, map[string]uint16{"http": 80, "https": 443}[s3.Scheme])
	}
	return s3, nil
}

// literal parses host as an address.
func literal(host string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(host)
	return a, err == nil
}
