package upstream

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
)

// dial connects to a place: each attempt to the next of the addresses that its
// name has now, each within the origin's connection time-out. Addresses are
// resolved here, checked, and dialed as numbers: what was checked is what is
// connected to.
func (u *Upstream) dial(ctx context.Context, p place) (net.Conn, error) {
	addrs, err := u.addresses(ctx, p)
	if err != nil {
		return nil, err
	}
	var last error
	for i := range max(p.attempts, 1) {
		attempt, cancel := context.WithTimeout(ctx, p.connect)
		c, err := u.cfg.Dial(attempt, "tcp", addrs[i%len(addrs)].String())
		cancel()
		if err == nil {
			return c, nil
		}
		if last = err; ctx.Err() != nil {
			break
		}
		if errors.Is(err, context.DeadlineExceeded) {
			last = &Error{ConnectTimeout, err}
		}
	}
	return nil, last
}

// addresses resolves a place and leaves out what may not be connected to.
func (u *Upstream) addresses(ctx context.Context, p place) ([]netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(p.addr)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, err
	}
	ips := []netip.Addr{}
	if ip, ok := literal(host); ok {
		ips = append(ips, ip)
	} else {
		resolve, cancel := context.WithTimeout(ctx, p.connect)
		defer cancel()
		if ips, err = u.cfg.Lookup(resolve, host); err != nil {
			return nil, &Error{DNS, err}
		}
	}
	var allowed []netip.AddrPort
	refused := "the name has no address"
	for _, ip := range ips {
		a := netip.AddrPortFrom(ip.Unmap(), uint16(port))
		why := u.check(p, a)
		if why == "" {
			allowed = append(allowed, a)
		} else {
			refused = why
		}
	}
	if len(allowed) == 0 {
		return nil, notAllowed(p.addr, refused)
	}
	return allowed, nil
}

// check applies the guard as far as the operator has not named the place: an
// address given by --origin may be loopback or private but no service of the
// cluster, the S3 endpoint may be anything.
func (u *Upstream) check(p place, a netip.AddrPort) string {
	guard := u.cfg.Guard
	if p.endpoint {
		return ""
	}
	if p.trusted {
		guard.Sandbox = true
	}
	return guard.Check(a, u.cfg.Nodes())
}
