package upstream

import (
	"net/netip"
	"slices"

	"github.com/warmfront/warmfront/cdn"
)

// Guard says which addresses may be connected to.
type Guard struct {
	// Sandbox allows loopback and private addresses: a developer's own servers
	// are origins there.
	Sandbox bool
	// Allow names further prefixes for an operator whose origins are on private
	// addresses.
	Allow []netip.Prefix
	// ServicePorts are those of the cluster's own services; on loopback and
	// private addresses they are always refused.
	ServicePorts []uint16
	// Services returns the addresses of services that register nowhere, control's
	// above all: always refused, wherever they are. Nil: none.
	Services func() []netip.AddrPort
}

// metadata lists the addresses at which clouds give their machines credentials
// and settings, outside the link-local ranges.
func metadata() []netip.Addr {
	return []netip.Addr{
		netip.MustParseAddr("fd00:ec2::254"),   // AWS
		netip.MustParseAddr("100.100.100.200"), // Alibaba
		netip.MustParseAddr("168.63.129.16"),   // Azure
		netip.MustParseAddr("192.0.0.192"),     // Oracle
	}
}

// private lists what is no part of the public Internet beyond the ranges that
// netip knows: shared address space, this network, benchmarking, reserved.
func private() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"),
		netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"),
	}
}

// Check returns why an address may not be connected to, or "".
func (g Guard) Check(a netip.AddrPort, nodes map[string]cdn.Node) string {
	ip := plain(a.Addr())
	switch {
	case ip.IsLinkLocalUnicast(), ip.IsMulticast(), ip.IsUnspecified(), slices.Contains(metadata(), ip):
		return "link-local, metadata and multicast addresses are never origins"
	case isService(netip.AddrPortFrom(ip, a.Port()), nodes), g.isService(netip.AddrPortFrom(ip, a.Port())):
		return "it is a service of the cluster itself"
	}
	inside := ip.IsLoopback() || ip.IsPrivate() || slices.ContainsFunc(private(), func(p netip.Prefix) bool { return p.Contains(ip) })
	switch {
	case !inside:
		return ""
	case slices.Contains(g.ServicePorts, a.Port()):
		return "its port belongs to the cluster's own services"
	case g.Sandbox, slices.ContainsFunc(g.Allow, func(p netip.Prefix) bool { return p.Contains(ip) }):
		return ""
	}
	return "loopback and private addresses are origins only where --origin-allow names them"
}

func (g Guard) isService(a netip.AddrPort) bool {
	return g.Services != nil && slices.ContainsFunc(g.Services(), func(s netip.AddrPort) bool {
		return netip.AddrPortFrom(plain(s.Addr()), s.Port()) == a
	})
}

// plain takes an IPv4 address out of the IPv6 forms that reach the same host: the
// mapped one, and that of NAT64 (RFC 6052).
func plain(ip netip.Addr) netip.Addr {
	ip = ip.Unmap().WithZone("")
	if netip.MustParsePrefix("64:ff9b::/96").Contains(ip) {
		b := ip.As16()
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return ip
}

// isService reports whether a is a port of a registered node that is no origin's:
// gossip, peers and metrics of any, and everything of control and the routers.
// Edges' viewer ports stay open, since one distribution may be another's origin.
func isService(a netip.AddrPort, nodes map[string]cdn.Node) bool {
	for _, n := range nodes {
		if a.Addr() != n.Addr && a.Addr() != n.Addr6 && a.Addr() != n.Endpoint {
			continue
		}
		ports := []uint16{n.GossipPort, n.PeerPort, n.MetricsPort}
		if n.Role == cdn.RoleControl || n.Role == cdn.RoleRouter {
			ports = append(ports, n.HTTPPort, n.HTTPSPort)
		}
		if a.Port() != 0 && slices.Contains(ports, a.Port()) {
			return true
		}
	}
	return false
}
