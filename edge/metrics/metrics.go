// Package metrics counts what one edge does, in a registry of its own: many nodes
// run in one process. What happens is counted by the methods of [Metrics] when it
// does; what is, such as the lease, is read when somebody asks.
package metrics

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/cache/disk"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/upstream"
)

// Sources is what is read when somebody asks.
type Sources struct {
	Store *cache.Store
	Disk  *disk.Store // nil: none
	// Lease says whether the node has its lease, Applied which version it has
	// applied.
	Lease   func(now time.Time) bool
	Applied func() cdn.Version
}

// Metrics are those of one node.
type Metrics struct {
	requests []prometheus.Counter
	https    prometheus.Counter
	bytes    prometheus.Counter
	fetches  *prometheus.CounterVec
	failover *prometheus.CounterVec
	unlogged prometheus.Counter
	peers    *prometheus.CounterVec
	viewers  atomic.Uint64 // the sum of requests
}

// New makes the metrics of a node in a registry of its own. results are the names of
// the results that a request may have.
func New(registry *prometheus.Registry, results []string, s Sources) *Metrics {
	memory := s.Store.Memory
	m := &Metrics{
		https: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "warmfront_edge_https_requests_total", Help: "Requests of viewers over HTTPS, of those in warmfront_edge_requests_total.",
		}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "warmfront_edge_sent_bytes_total", Help: "Bytes of bodies sent to viewers.",
		}),
		fetches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "warmfront_edge_origin_requests_total", Help: "Requests to origins, by what came of them: a class of status, or why there was no answer.",
		}, []string{"outcome"}),
		peers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "warmfront_edge_peer_requests_total", Help: "Requests of other edges, by what a viewer would have got.",
		}, []string{"result"}),
	}
	m.failover = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "warmfront_edge_origin_failovers_total", Help: "Requests to the second origin of a group, by why the primary one had failed: its status, or why there was no answer.",
	}, []string{"reason"})
	m.unlogged = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "warmfront_edge_access_log_dropped_total", Help: "Lines of the access log that were dropped because it takes them too slowly.",
	})
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "warmfront_edge_requests_total", Help: "Requests of viewers, by CloudFront's result type.",
	}, []string{"result"})
	for _, r := range results {
		m.requests = append(m.requests, requests.WithLabelValues(r))
	}
	gauge := func(name, help string, read func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read)
	}
	for _, c := range []prometheus.Collector{
		requests, m.https, m.bytes, m.fetches, m.failover, m.unlogged, m.peers,
		gauge("warmfront_edge_cache_bytes", "Bytes of memory that stored objects take.", func() float64 { return float64(memory.Bytes()) }),
		gauge("warmfront_edge_cache_objects", "Objects stored.", func() float64 { return float64(memory.Objects()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "warmfront_edge_cache_evictions_total", Help: "Objects evicted to make room.",
		}, func() float64 { return float64(memory.Evictions()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "warmfront_edge_cache_reclaimed_bytes_total", Help: "Bytes of memory given back of objects that were invalidated.",
		}, func() float64 { return float64(s.Store.Reclaimed()) }),
		gauge("warmfront_edge_lease_valid", "1 while the node has its lease, 0 while it is fenced.", func() float64 {
			if s.Lease(time.Now()) {
				return 1
			}
			return 0
		}),
		gauge("warmfront_edge_applied_epoch", "Epoch of the journal version applied.", func() float64 {
			return float64(s.Applied().Epoch)
		}),
		gauge("warmfront_edge_applied_number", "Number of the journal version applied, within its epoch.", func() float64 {
			return float64(s.Applied().Number)
		}),
	} {
		registry.MustRegister(c) // fails only if a registry is given to two edges, which is a mistake of the program
	}
	if s.Disk != nil {
		registerDisk(registry, s)
	}
	return m
}

// registerDisk adds the metrics of the disk tier.
func registerDisk(registry *prometheus.Registry, s Sources) {
	for _, g := range []struct {
		name, help string
		read       func() float64
	}{
		{"warmfront_edge_disk_bytes", "Bytes of the disk that stored objects take.", func() float64 { return float64(s.Disk.Stats().Bytes) }},
		{"warmfront_edge_disk_objects", "Objects on the disk.", func() float64 { return float64(s.Disk.Stats().Records) }},
		{"warmfront_edge_disk_read_only", "1 while the disk refuses to be written.", func() float64 {
			if s.Disk.Stats().ReadOnly {
				return 1
			}
			return 0
		}},
	} {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: g.name, Help: g.help}, g.read))
	}
	for _, c := range []struct {
		name, help string
		read       func() float64
	}{
		{"warmfront_edge_disk_evictions_total", "Objects evicted from the disk to make room.", func() float64 { return float64(s.Disk.Stats().Evictions) }},
		{"warmfront_edge_disk_reclaimed_bytes_total", "Bytes of the disk given back of objects that were invalidated.", func() float64 { return float64(s.Disk.Stats().Reclaimed) }},
		{"warmfront_edge_disk_corrupt_total", "Objects dropped because the disk gave back other bytes than were written.", func() float64 { return float64(s.Disk.Stats().Corrupt) }},
		{"warmfront_edge_disk_skipped_total", "Objects and slices not written because the disk was behind.", func() float64 { return float64(s.Store.Skipped.Load()) }},
	} {
		registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: c.name, Help: c.help}, c.read))
	}
}

// Served counts a request of a viewer that was answered, by the number of its
// result, and whether it came over HTTPS.
func (m *Metrics) Served(result int, https bool, bytes int64) {
	m.requests[result].Inc()
	if https {
		m.https.Inc()
	}
	m.viewers.Add(1)
	m.bytes.Add(float64(bytes))
}

// Viewers is how many requests Served has counted.
func (m *Metrics) Viewers() uint64 { return m.viewers.Load() }

// Unlogged counts a line of the access log that was dropped.
func (m *Metrics) Unlogged() { m.unlogged.Inc() }

// PeerServed counts a request of another edge that was answered.
func (m *Metrics) PeerServed(result string) { m.peers.WithLabelValues(result).Inc() }

// FailedOver counts a request to the second origin of a group.
func (m *Metrics) FailedOver(why string) { m.failover.WithLabelValues(why).Inc() }

// Asked counts a request to an origin.
func (m *Metrics) Asked(resp *message.Response, err error) {
	outcome := "canceled"
	var failed *upstream.Error
	switch {
	case err == nil:
		outcome = []string{"", "1xx", "2xx", "3xx", "4xx", "5xx"}[min(max(resp.Status/100, 1), 5)]
	case errors.As(err, &failed):
		outcome = string(failed.Reason)
	}
	m.fetches.WithLabelValues(outcome).Inc()
}
