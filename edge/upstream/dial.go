package upstream

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"time"
)

// dial connects to a place in as many attempts as the origin has, each to the
// addresses that the name has now and within the origin's connection time-out.
// Addresses are resolved here, checked, and dialed as numbers: what was checked is
// what is connected to.
func (u *Upstream) dial(ctx context.Context, p place) (net.Conn, error) {
	var last error
	for i := range max(p.attempts, 1) {
		addrs, err := u.addresses(ctx, p)
		if err != nil {
			return nil, err
		}
		first := i % len(addrs) // an address that answers nothing must not cost every attempt
		c, err := u.attempt(ctx, append(addrs[first:len(addrs):len(addrs)], addrs[:first]...), p.connect)
		if err == nil {
			return c, nil
		}
		u.resolver.forget(p.name())
		if last = err; ctx.Err() != nil {
			break
		}
		if errors.Is(err, context.DeadlineExceeded) {
			last = &Error{ConnectTimeout, err}
		}
	}
	return nil, last
}

// nextAfter is for how long an address is waited for before the next is tried
// beside it (RFC 8305 section 5).
const nextAfter = 250 * time.Millisecond

// attempt connects to whichever of the addresses is there first: each is tried
// once the one before has failed or has taken long.
func (u *Upstream) attempt(ctx context.Context, addrs []netip.AddrPort, within time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if len(addrs) == 1 {
		return u.cfg.Dial(ctx, "tcp", addrs[0].String())
	}
	type result struct {
		c   net.Conn
		err error
	}
	results := make(chan result, len(addrs)) // room for all: nobody waits to tell
	next := time.NewTimer(nextAfter)
	defer next.Stop()
	begun, ended := 0, 0
	begin := func() {
		if begun < len(addrs) && ctx.Err() == nil {
			a := addrs[begun]
			begun++
			go func() {
				c, err := u.cfg.Dial(ctx, "tcp", a.String())
				results <- result{c, err}
			}()
			next.Reset(nextAfter)
		}
	}
	begin()
	for {
		select {
		case <-next.C:
			begin()
		case r := <-results:
			ended++
			if r.err == nil {
				go func() { // the others are late
					for range begun - ended {
						if late := <-results; late.c != nil {
							_ = late.c.Close()
						}
					}
				}()
				return r.c, nil
			}
			if begin(); begun == ended {
				return nil, r.err
			}
		}
	}
}

// maxAddresses bounds how many addresses of a name are tried.
const maxAddresses = 16

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
		if ips, err = u.resolver.resolve(ctx, host, p.connect); ctx.Err() != nil {
			return nil, context.Cause(ctx)
		} else if err != nil {
			return nil, &Error{DNS, err}
		}
	}
	var allowed []netip.AddrPort
	refused := "the name has no address"
	for _, ip := range ips {
		a := netip.AddrPortFrom(ip.Unmap(), uint16(port))
		if p.family == "ipv4" && !a.Addr().Is4() || p.family == "ipv6" && a.Addr().Is4() {
			continue
		}
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
	return alternating(allowed), nil
}

// alternating takes one address of each family in turn, so that a family without
// a route costs one of them (RFC 8305 section 4); the first stays the first.
func alternating(addrs []netip.AddrPort) []netip.AddrPort {
	var families [2][]netip.AddrPort
	for _, a := range addrs {
		i := 0
		if a.Addr().Is4() != addrs[0].Addr().Is4() {
			i = 1
		}
		families[i] = append(families[i], a)
	}
	out := make([]netip.AddrPort, 0, len(addrs))
	for i := range families[0] {
		out = append(out, families[0][i])
		if i < len(families[1]) {
			out = append(out, families[1][i])
		}
	}
	out = append(out, families[1][min(len(families[0]), len(families[1])):]...)
	return out[:min(len(out), maxAddresses)]
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
