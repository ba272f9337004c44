package viewer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Network is what a viewer needs to know of the network it looks at.
type Network struct {
	Zone     string
	Resolver *Resolver
	// HTTPPort and HTTPSPort are where edges are reached for ports 80 and 443.
	HTTPPort, HTTPSPort uint16
	// Domain maps a host name that a distribution answers to, an alias, to its
	// domain name; "" where none does. It may be nil.
	Domain func(host string) string
	// Endpoint gives the address to dial for an edge's identity address.
	Endpoint func(netip.Addr) netip.Addr
	// Header makes the PROXY protocol header that hands on the viewer's address.
	Header func(viewer, edge netip.AddrPort) []byte
}

// ErrPort is returned for a port other than the web's two.
var ErrPort = errors.New("only the ports 80 and 443 of a distribution can be reached")

// Dialed is a connection to the edge that a viewer was given.
type Dialed struct {
	net.Conn
	Edge    netip.AddrPort
	Answer  Answer
	Connect time.Duration
}

// Name returns the name to ask the routers for: an alias's distribution, and for
// "d….localhost", which browsers resolve by themselves, the name in the zone.
func (n *Network) Name(host string) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if label, ok := strings.CutSuffix(host, ".localhost"); ok {
		return label + "." + n.Zone
	}
	if n.Domain != nil {
		if d := n.Domain(host); d != "" {
			return d
		}
	}
	return host
}

// Dial resolves host for the viewer and connects to port 80 or 443 (or the ports
// these have here) of the edge it is given.
func (n *Network) Dial(ctx context.Context, viewer netip.Addr, host string, port uint16) (*Dialed, error) {
	if _, err := n.port(port); err != nil {
		return nil, err
	}
	answer, err := n.Resolver.Lookup(ctx, n.Name(host), viewer)
	if err != nil {
		return nil, err
	}
	for _, addr := range answer.Addrs {
		var d *Dialed
		if d, err = n.connect(ctx, viewer, addr, port); err == nil {
			d.Answer = answer
			return d, nil
		}
	}
	return nil, fmt.Errorf("the edge that %s was given does not answer: %w", viewer, err)
}

// port maps the web's ports to those edges have here.
func (n *Network) port(port uint16) (uint16, error) {
	switch port {
	case 80, n.HTTPPort:
		return n.HTTPPort, nil
	case 443, n.HTTPSPort:
		return n.HTTPSPort, nil
	}
	return 0, ErrPort
}

// connect connects to an edge and says on whose behalf.
func (n *Network) connect(ctx context.Context, viewer, addr netip.Addr, port uint16) (*Dialed, error) {
	port, err := n.port(port)
	if err != nil {
		return nil, err
	}
	edge := netip.AddrPortFrom(addr, port)
	dial := edge
	if n.Endpoint != nil {
		dial = netip.AddrPortFrom(n.Endpoint(addr), port)
	}
	var d net.Dialer
	start := time.Now()
	c, err := d.DialContext(ctx, "tcp", dial.String())
	if err != nil {
		return nil, err
	}
	if _, err := c.Write(n.Header(netip.AddrPortFrom(viewer, localPort(c)), edge)); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return &Dialed{Conn: c, Edge: edge, Connect: time.Since(start)}, nil
}

func localPort(c net.Conn) uint16 {
	if a, ok := c.LocalAddr().(*net.TCPAddr); ok {
		return uint16(a.Port)
	}
	return 0
}

// splitHostPort is net.SplitHostPort with a default port and a checked number.
func splitHostPort(hostport string, def uint16) (string, uint16, error) {
	host, p, err := net.SplitHostPort(hostport)
	if err != nil {
		return strings.Trim(hostport, "[]"), def, nil //nolint:nilerr // no port: the default
	}
	n, err := strconv.ParseUint(p, 10, 16)
	return host, uint16(n), err
}
