// Package measured is how routers and control are told what edges measure of themselves.
package measured

import (
	"cmp"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/report"
	"github.com/warmfront/warmfront/control/operator"
	"github.com/warmfront/warmfront/router/latency"
)

// Token is what routers and control show to edges so that they say how loaded they
// are, and how far from others. It is made of the cluster's secret (RFC 5869) and tells
// nothing of it, for it is shown to whoever can read what goes between them; that
// reads the reports as well.
func Token(secret []byte) string {
	key, err := hkdf.Key(sha256.New, secret, nil, "warmfront edge report v1", 16)
	if err != nil {
		return ""
	}
	return hex.EncodeToString(key)
}

// askedAtOnce is how many edges control asks at the same time, and askedFor how long it
// waits for one.
const (
	askedAtOnce = 32
	askedFor    = 2 * time.Second
)

// Prober asks one edge; see health.HTTP.
type Prober interface {
	Probe(ctx context.Context, node cdn.Node) (report.Edge, error)
}

// RoundTrips asks those of the nodes that viewers are sent to what they have measured.
func RoundTrips(ctx context.Context, probe Prober, nodes []cdn.Node) operator.RoundTrips {
	out := operator.RoundTrips{Ways: []operator.Way{}}
	var mu sync.Mutex
	var reports []latency.Report
	var asking sync.WaitGroup
	turn := make(chan struct{}, askedAtOnce)
	for _, n := range nodes {
		if n.Role != cdn.RoleEdge || n.IsRegional() {
			continue
		}
		turn <- struct{}{}
		asking.Go(func() {
			defer func() { <-turn }()
			within, cancel := context.WithTimeout(ctx, askedFor)
			defer cancel()
			r, err := probe.Probe(within, n)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				out.Silent = append(out.Silent, n.ID)
			} else {
				reports = append(reports, latency.Report{POP: n.POP, RoundTrips: r.RoundTrips})
			}
		})
	}
	asking.Wait()
	for from, row := range latency.Sum(reports) {
		for to, t := range row {
			out.Ways = append(out.Ways, operator.Way{From: from, To: to, Time: t})
		}
	}
	slices.Sort(out.Silent)
	slices.SortFunc(out.Ways, func(a, b operator.Way) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return out
}
