package top

import (
	"bytes"
	"io"
	"math"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/metrics"
	"github.com/warmfront/warmfront/geo"
)

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

func TestSum(t *testing.T) {
	at := time.Unix(1e9, 0)
	places := map[string]Place{"FRA-1": {"FRA", "europe-israel"}, "LHR-1": {"LHR", "europe-israel"}, "NRT-1": {"NRT", "japan"}, "XXX-1": {"XXX", "unknown"}}
	before := Sample{at, map[string]Counters{
		"FRA-1": {Requests: map[string]float64{"Hit": 100, "Miss": 50}, HTTPS: 150, Bytes: 1000, Origin: map[string]float64{"2xx": 50}},
		"LHR-1": {Requests: map[string]float64{"Hit": 1e6}}, // started anew since
	}}
	now := Sample{at.Add(10 * time.Second), map[string]Counters{
		"FRA-1": {Requests: map[string]float64{"Hit": 160, "Miss": 70, "RefreshHit": 10, "Redirect": 10, "Error": 10}, HTTPS: 250, Bytes: 1000 + 1<<30, Origin: map[string]float64{"2xx": 70, "5xx": 5, "ConnectTimeout": 5}},
		"LHR-1": {Requests: map[string]float64{"Miss": 10}},
		"NRT-1": {Requests: map[string]float64{"Hit": 300}, HTTPS: 100},
		"XXX-1": {},
	}}
	r := Sum(before, now, places, geo.BundledCatalogue().Price)
	if len(r.Regions) != 3 || r.Regions[0].Name != "japan" || r.Regions[1].Name != "europe-israel" || r.Nodes[0].ID != "NRT-1" || r.Interval != 10*time.Second {
		t.Fatalf("%+v", r)
	}
	eu := r.Regions[1]
	if got := strings.Join(eu.POPs, " "); got != "FRA LHR" || eu.Nodes != 2 || !near(eu.Requests, 12) || !near(eu.HitRatio, 0.7) ||
		!near(eu.Bytes, (1<<30)/10.) || !near(eu.Origin, 3) || !near(eu.OriginErrors, 1) {
		t.Errorf("%+v", eu)
	}
	// Requests over HTTPS have another price; what was counted before the interval costs too.
	if p, _ := geo.BundledCatalogue().Price("japan"); !near(r.Regions[0].Total, 100/1e4*p.Per10kHTTPS+200/1e4*p.Per10kHTTP) || !near(r.Regions[0].PerHour, r.Regions[0].Total*360) {
		t.Errorf("%+v", r.Regions[0])
	}
	if p, _ := geo.BundledCatalogue().Price("europe-israel"); math.Abs(eu.Total-(p.PerGB+250/1e4*p.Per10kHTTPS+20/1e4*p.Per10kHTTP)) > 1e-6 {
		t.Errorf("%v dollars", eu.Total)
	}
	if idle := r.Regions[2]; idle.HitRatio != -1 || idle.Total != 0 || r.Total.Nodes != 4 {
		t.Errorf("%+v", r)
	}
}

// TestWhatEdgesCount: the metrics that are read are those that edges have.
func TestWhatEdgesCount(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := metrics.New(reg, []string{"Miss", "Hit"}, metrics.Sources{
		Store: cache.NewStore(1<<20, nil, nil), Lease: func(time.Time) bool { return true }, Applied: func() cdn.Version { return cdn.Version{} },
	})
	m.Served(1, true, 1000)
	m.Served(0, false, 24)
	m.Asked(nil, io.ErrUnexpectedEOF)
	w := httptest.NewRecorder()
	promhttp.HandlerFor(reg, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	c, err := parse(w.Body)
	if err != nil || c.Requests["Hit"] != 1 || c.Requests["Miss"] != 1 || c.HTTPS != 1 || c.Bytes != 1024 || sum(c.Origin) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestWrite: a view is of 80 columns and as many rows as there are, whatever is in it.
func TestWrite(t *testing.T) {
	r := Report{At: time.Unix(1e9, 0), Interval: 2 * time.Second, Silent: []string{strings.Repeat("SYD-1, ", 30)}}
	busy := Traffic{Requests: 123456, HitRatio: 1, Bytes: 9.8765e9, Origin: 23456, OriginErrors: 9999, PerHour: 99.12345, Total: 1234.56789}
	for range 8 {
		r.Regions = append(r.Regions, Region{Name: "za-ke-ng-eg-middle-east", Traffic: busy})
	}
	for range 50 {
		r.Nodes = append(r.Nodes, Node{ID: "NRT-R1", Traffic: busy})
	}
	var out bytes.Buffer
	if err := write(&out, r, 24); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) > 24 || len(lines) < 20 {
		t.Errorf("%d lines", len(lines))
	}
	for _, l := range lines {
		if len(l) > 80 {
			t.Errorf("%d columns: %s", len(l), l)
		}
	}
}
