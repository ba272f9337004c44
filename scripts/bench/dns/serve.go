//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/geo/netmap"
	"github.com/warmfront/warmfront/router"
	"github.com/warmfront/warmfront/router/pick"
	"github.com/warmfront/warmfront/router/ratelimit"
)

// countsAll is a rate limit that no load reaches.
const countsAll = 1 << 30

// serve is the router in a process of its own. Its edges do not exist, so their checks
// are answered here: they are not what is measured.
func serve(addr string) error {
	db, err := geo.Open(geo.Config{})
	if err != nil {
		return err
	}
	places, err := pops()
	if err != nil {
		return err
	}
	state, err := benchState(places)
	if err != nil {
		return err
	}
	var catalogue []pick.POP
	for _, p := range places {
		class, err := cdn.ParsePriceClass(p.PriceClass)
		if err != nil {
			return err
		}
		catalogue = append(catalogue, pick.POP{Code: p.Code, N: p.N, Lat: p.Lat, Lon: p.Lon, Class: class})
	}
	table, err := db.Table()
	if err != nil {
		return err
	}
	r, err := router.New(router.Config{
		Zone: benchZone, Listen: addr, State: func() *cdn.State { return state },
		Locate: func(a netip.Addr) (router.Place, bool) {
			p, ok := db.Locate(a)
			return router.Place{Lat: p.Lat, Lon: p.Lon, Prefix: p.Prefix}, ok
		},
		Table: func() *netmap.Map { return table }, POPs: catalogue,
		Dial:      func(context.Context, string, string) (net.Conn, error) { return nil, net.ErrClosed },
		RateLimit: ratelimit.Default(countsAll), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		return err
	}
	debug.FreeOSMemory()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := r.Run(ctx); err != nil {
		return err
	}
	return r.Close()
}

// benchState has one distribution and an edge in each place.
func benchState(places []geo.POP) (*cdn.State, error) {
	s := cdn.NewState(1)
	apply := func(kind cdn.Kind, body any) error {
		c, err := cdn.NewChange(kind, body, time.Now())
		if err != nil {
			return err
		}
		c.Version = s.Version.Next()
		s, err = s.Apply(c)
		return err
	}
	for _, p := range places {
		n := cdn.Node{ID: p.Code + "-1", Role: cdn.RoleEdge, POP: p.Code, K: 1, HTTPPort: 80, Addr: netip.AddrFrom4([4]byte{127, byte(p.N), 0, 1})}
		if err := apply(cdn.KindNodeRegister, n); err != nil {
			return nil, fmt.Errorf("%s: %w", n.ID, err)
		}
	}
	return s, apply(cdn.KindDistributionPut, cdn.Distribution{ID: "EBENCH", Domain: benchName, Config: `<DistributionConfig>
<Origins><Quantity>1</Quantity><Items><Origin><Id>o</Id><DomainName>demo.s3.amazonaws.com</DomainName></Origin></Items></Origins>
<DefaultCacheBehavior><TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy>
<CachePolicyId>658327ea-f89d-4fab-a63d-7e88639e58f6</CachePolicyId></DefaultCacheBehavior>
<PriceClass>PriceClass_All</PriceClass><Enabled>true</Enabled></DistributionConfig>`})
}
