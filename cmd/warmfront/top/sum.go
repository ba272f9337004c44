package top

import (
	"maps"
	"slices"
	"time"

	"github.com/warmfront/warmfront/geo"
)

// Counters are what a node has counted since it was started.
type Counters struct {
	Requests map[string]float64 // of viewers, by CloudFront's result type
	HTTPS    float64            // of them, those over HTTPS
	Bytes    float64            // of bodies, to viewers
	Origin   map[string]float64 // requests to origins, by what came of them
}

// Sample is what the edges had counted at a time. Nodes that could not be asked are not in it.
type Sample struct {
	At    time.Time
	Nodes map[string]Counters // by id
}

// Place says where a node is.
type Place struct{ POP, PriceRegion string }

// Traffic is what there was of viewers in an interval, and what all there was since the nodes
// were started would cost at CloudFront.
type Traffic struct {
	Nodes    int     `json:"nodes"`
	Requests float64 `json:"requests_per_second"`
	// HitRatio is which part of the requests was answered from a cache, redirects and error
	// pages aside; -1 where there was none.
	HitRatio float64 `json:"hit_ratio"`
	Bytes    float64 `json:"bytes_per_second"`
	Origin   float64 `json:"origin_requests_per_second"`
	// OriginErrors are those of Origin that had no answer, or one of 5xx.
	OriginErrors float64 `json:"origin_errors_per_second"`
	// PerHour is in US dollars, at the rate of the interval; Total for all since the start.
	PerHour float64 `json:"usd_per_hour"`
	Total   float64 `json:"usd_total"`

	hits, cacheable float64
}

// Region is the traffic of a price region.
type Region struct {
	Name string   `json:"price_region"`
	POPs []string `json:"pops"`
	Traffic
}

// Node is the traffic of one edge.
type Node struct {
	ID          string `json:"node"`
	POP         string `json:"pop"`
	PriceRegion string `json:"price_region"`
	Traffic
}

// Report is what `warmfront top` shows.
type Report struct {
	At       time.Time     `json:"at"`
	Interval time.Duration `json:"interval_ns"`
	Total    Traffic       `json:"total"`
	Regions  []Region      `json:"regions"` // the busiest first
	Nodes    []Node        `json:"nodes"`   // the same
	// Silent are the edges that could not be asked.
	Silent []string `json:"silent,omitempty"`
}

// Sum makes a report of two samples, the later one second. What a node had not counted in the
// first, because it was not there or was started since, counts from nothing. price returns
// what CloudFront asks in a price region: nothing is asked for where it knows none.
func Sum(before, now Sample, places map[string]Place, price func(region string) (geo.Price, bool)) Report {
	r := Report{At: now.At, Interval: now.At.Sub(before.At)}
	regions := map[string]*Region{}
	for id, c := range now.Nodes {
		at := places[id]
		t := traffic(before.Nodes[id], c, r.Interval)
		if p, ok := price(at.PriceRegion); ok {
			t.Total = cost(c, p)
			t.PerHour = cost(since(before.Nodes[id], c), p) / r.Interval.Hours()
		}
		r.Nodes = append(r.Nodes, Node{id, at.POP, at.PriceRegion, t.rated()})
		if regions[at.PriceRegion] == nil {
			regions[at.PriceRegion] = &Region{Name: at.PriceRegion}
		}
		g := regions[at.PriceRegion]
		g.add(t)
		if !slices.Contains(g.POPs, at.POP) {
			g.POPs = append(g.POPs, at.POP)
		}
		r.Total.add(t)
	}
	r.Total = r.Total.rated()
	for _, name := range slices.Sorted(maps.Keys(regions)) {
		g := regions[name]
		slices.Sort(g.POPs)
		g.Traffic = g.rated()
		r.Regions = append(r.Regions, *g)
	}
	slices.SortStableFunc(r.Regions, func(a, b Region) int { return busier(a.Traffic, b.Traffic) })
	slices.SortFunc(r.Nodes, func(a, b Node) int {
		if c := busier(a.Traffic, b.Traffic); c != 0 {
			return c
		}
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return r
}

func busier(a, b Traffic) int {
	switch {
	case a.Requests > b.Requests:
		return -1
	case a.Requests < b.Requests:
		return 1
	}
	return 0
}

// since is what was counted between two readings. A counter that went back was begun anew.
func since(before, now Counters) Counters {
	d := Counters{Requests: rises(before.Requests, now.Requests), Origin: rises(before.Origin, now.Origin)}
	d.HTTPS, d.Bytes = rise(before.HTTPS, now.HTTPS), rise(before.Bytes, now.Bytes)
	return d
}

func rises(before, now map[string]float64) map[string]float64 {
	d := map[string]float64{}
	for k, v := range now {
		d[k] = rise(before[k], v)
	}
	return d
}

func rise(before, now float64) float64 {
	if now < before {
		return now
	}
	return now - before
}

func sum(m map[string]float64) (n float64) {
	for _, v := range m {
		n += v
	}
	return n
}

func traffic(before, now Counters, interval time.Duration) Traffic {
	d, s := since(before, now), interval.Seconds()
	failed := 0.0
	for outcome, n := range d.Origin {
		if outcome != "1xx" && outcome != "2xx" && outcome != "3xx" && outcome != "4xx" {
			failed += n
		}
	}
	hits := d.Requests["Hit"] + d.Requests["RefreshHit"] + d.Requests["OriginShieldHit"]
	return Traffic{
		Nodes: 1, Requests: sum(d.Requests) / s, Bytes: d.Bytes / s, Origin: sum(d.Origin) / s, OriginErrors: failed / s,
		hits: hits, cacheable: hits + d.Requests["Miss"],
	}
}

// cost is what CloudFront would ask for what was counted: for bytes to viewers and for
// requests, at the price of the first 10 TB of a month and without its free tier. What is sent
// to origins is not counted.
func cost(c Counters, p geo.Price) float64 {
	const gb = 1 << 30
	return c.Bytes/gb*p.PerGB + c.HTTPS/1e4*p.Per10kHTTPS + max(0, sum(c.Requests)-c.HTTPS)/1e4*p.Per10kHTTP
}

func (t *Traffic) add(o Traffic) {
	t.Nodes += o.Nodes
	t.Requests, t.Bytes, t.Origin, t.OriginErrors = t.Requests+o.Requests, t.Bytes+o.Bytes, t.Origin+o.Origin, t.OriginErrors+o.OriginErrors
	t.PerHour, t.Total = t.PerHour+o.PerHour, t.Total+o.Total
	t.hits, t.cacheable = t.hits+o.hits, t.cacheable+o.cacheable
}

// rated is the traffic with its hit ratio.
func (t Traffic) rated() Traffic {
	t.HitRatio = -1
	if t.cacheable > 0 {
		t.HitRatio = t.hits / t.cacheable
	}
	return t
}
