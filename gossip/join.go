package gossip

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

const (
	hubs       = 3 // seeds that all nodes join at start
	joinTries  = 3 // addresses tried in one round of rejoining
	startTries = 8 // seeds tried in one round at start
	hubRounds  = 6 // rounds at start that reach a hub, over about six seconds
)

// startDelay returns the time between the nth successful round at start and the
// next. Each is one full exchange with one hub. In the first all nodes tell
// their hub of themselves, in the second and third they learn from the others'
// hub what it was told; the rest is for those who started late. Broadcasts alone
// take ten seconds for a hundred nodes and lose some in the burst; joining every
// seed makes a hundred times a hundred exchanges.
func startDelay(round int) time.Duration {
	return 200 * time.Millisecond << round
}

// hubOrder returns the seeds a node tries in a round at start: the few hubs in
// turn, so that its rounds reach different ones and no hub is asked by all at
// once, then the rest, for when none of them is up.
func hubOrder(seeds []netip.AddrPort, self netip.AddrPort, offset, round int) []netip.AddrPort {
	var others []netip.AddrPort
	for _, s := range seeds {
		if s != self {
			others = append(others, s)
		}
	}
	if len(others) == 0 {
		return nil
	}
	k := min(hubs, len(others))
	first := (offset + round) % k
	order := slices.Concat(others[first:k], others[:first], others[k:])
	return order[:min(len(order), startTries)]
}

// lost returns the addresses somebody should be found at and nobody alive is
// known to be.
func lost(known []netip.AddrPort, members []Member, self netip.AddrPort) []netip.AddrPort {
	skip := map[netip.AddrPort]bool{self: true}
	for _, m := range members {
		switch m.State {
		case Alive:
			skip[m.Gossip] = true
		case Suspect, Dead:
			known = append(known, m.Gossip)
		}
	}
	var out []netip.AddrPort
	for _, a := range known {
		if a.IsValid() && !skip[a] {
			skip[a] = true
			out = append(out, a)
		}
	}
	return out
}

// join finds the others at start and whoever is missing later, until ctx ends.
func (g *Gossip) join(ctx context.Context) {
	if !g.start(ctx) {
		return
	}
	wait := g.cfg.Timing.Rejoin
	for sleep(ctx, jitter(wait)) {
		missing := lost(g.known(ctx), g.Members(), g.addr)
		rand.Shuffle(len(missing), func(i, j int) { missing[i], missing[j] = missing[j], missing[i] })
		joined := false
		for _, a := range missing[:min(len(missing), joinTries)] {
			joined = g.exchange(ctx, a) || joined
		}
		if joined || len(missing) == 0 {
			wait = g.cfg.Timing.Rejoin
		} else {
			wait = min(wait*3/2, 3*g.cfg.Timing.Rejoin)
		}
	}
}

// start joins the hubs among the known addresses; false: ctx has ended. Where
// there are none it has nothing to do, and others will come.
func (g *Gossip) start(ctx context.Context) bool {
	offset := int(rand.Uint32() >> 1)
	retry, warned := startDelay(0), false
	for round := 0; round < hubRounds; {
		order := hubOrder(g.known(ctx), g.addr, offset, round)
		if len(order) == 0 {
			return ctx.Err() == nil
		}
		wait := startDelay(round)
		if slices.ContainsFunc(order, func(a netip.AddrPort) bool { return g.exchange(ctx, a) }) {
			round++
		} else {
			wait = retry
			retry = min(2*retry, g.cfg.Timing.Rejoin)
			if retry == g.cfg.Timing.Rejoin && !warned {
				warned = true
				g.log.Warn("gossip: no other node can be joined yet; is one of these up, and is the cluster secret the same?",
					"tried", order)
			}
			offset++
		}
		if !sleep(ctx, jitter(wait)) {
			return false
		}
	}
	return true
}

// known returns where others should be: the seeds first, in their order.
func (g *Gossip) known(ctx context.Context) []netip.AddrPort {
	known := g.seeds(ctx)
	if g.cfg.Registered != nil {
		known = append(known, g.cfg.Registered()...)
	}
	return known
}

// exchange swaps full states with the member at a.
func (g *Gossip) exchange(ctx context.Context, a netip.AddrPort) bool {
	if ctx.Err() != nil {
		return false
	}
	_, err := g.list.Join([]string{a.String()})
	if err != nil {
		g.log.Debug("gossip: join failed", "address", a, "error", err)
	}
	return err == nil
}

// seeds resolves Config.Seeds, in their order. Names are looked up every time:
// in Compose and Kubernetes what they stand for comes and goes.
func (g *Gossip) seeds(ctx context.Context) []netip.AddrPort {
	var out []netip.AddrPort
	for _, s := range g.cfg.Seeds {
		host, port, err := splitSeed(s)
		if err != nil {
			continue // New has refused it
		}
		if ip, err := netip.ParseAddr(host); err == nil {
			out = append(out, netip.AddrPortFrom(ip.Unmap(), port))
			continue
		}
		lookup, cancel := context.WithTimeout(ctx, g.cfg.Timing.Stream)
		ips, err := net.DefaultResolver.LookupNetIP(lookup, "ip", host)
		cancel()
		if err != nil {
			g.log.Debug("gossip: seed not found", "seed", s, "error", err)
		}
		for _, ip := range ips {
			out = append(out, netip.AddrPortFrom(ip.Unmap(), port))
		}
	}
	return out
}

func splitSeed(s string) (host string, port uint16, err error) {
	host, service, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(service, 10, 16)
	return host, uint16(n), err
}

// jitter spreads what many nodes do at the same intervals.
func jitter(d time.Duration) time.Duration { return d*3/4 + rand.N(d/2) }

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
