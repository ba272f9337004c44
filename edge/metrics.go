package edge

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/upstream"
)

// metrics are those of one node, in a registry of its own: many nodes run in one
// process.
type metrics struct {
	requests [results]prometheus.Counter
	bytes    prometheus.Counter
	fetches  *prometheus.CounterVec
	unlogged prometheus.Counter
}

func newMetrics(e *Edge) *metrics {
	memory := e.store.Memory
	m := &metrics{
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "warmfront_edge_sent_bytes_total", Help: "Bytes of bodies sent to viewers.",
		}),
		fetches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "warmfront_edge_origin_requests_total", Help: "Requests to origins, by what came of them: a class of status, or why there was no answer.",
		}, []string{"outcome"}),
	}
	m.unlogged = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "warmfront_edge_access_log_dropped_total", Help: "Lines of the access log that were dropped because it takes them too slowly.",
	})
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "warmfront_edge_requests_total", Help: "Requests of viewers, by CloudFront's result type.",
	}, []string{"result"})
	for r := range results {
		m.requests[r] = requests.WithLabelValues(r.String())
	}
	gauge := func(name, help string, read func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read)
	}
	for _, c := range []prometheus.Collector{
		requests, m.bytes, m.fetches, m.unlogged,
		gauge("warmfront_edge_cache_bytes", "Bytes of memory that stored objects take.", func() float64 { return float64(memory.Bytes()) }),
		gauge("warmfront_edge_cache_objects", "Objects stored.", func() float64 { return float64(memory.Objects()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "warmfront_edge_cache_evictions_total", Help: "Objects evicted to make room.",
		}, func() float64 { return float64(memory.Evictions()) }),
		gauge("warmfront_edge_lease_valid", "1 while the node has its lease, 0 while it is fenced.", func() float64 {
			if e.cfg.Lease.Valid(time.Now()) {
				return 1
			}
			return 0
		}),
		gauge("warmfront_edge_applied_epoch", "Epoch of the journal version applied.", func() float64 {
			return float64(versionOf(e.cfg.State()).Epoch)
		}),
		gauge("warmfront_edge_applied_number", "Number of the journal version applied, within its epoch.", func() float64 {
			return float64(versionOf(e.cfg.State()).Number)
		}),
	} {
		e.cfg.Registry.MustRegister(c) // fails only if a registry is given to two edges, which is a mistake of the program
	}
	if e.disk != nil {
		e.diskMetrics()
	}
	return m
}

// diskMetrics are those of the disk tier.
func (e *Edge) diskMetrics() {
	for _, g := range []struct {
		name, help string
		read       func() float64
	}{
		{"warmfront_edge_disk_bytes", "Bytes of the disk that stored objects take.", func() float64 { return float64(e.disk.Stats().Bytes) }},
		{"warmfront_edge_disk_objects", "Objects on the disk.", func() float64 { return float64(e.disk.Stats().Records) }},
		{"warmfront_edge_disk_read_only", "1 while the disk refuses to be written.", func() float64 {
			if e.disk.Stats().ReadOnly {
				return 1
			}
			return 0
		}},
	} {
		e.cfg.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: g.name, Help: g.help}, g.read))
	}
	for _, c := range []struct {
		name, help string
		read       func() float64
	}{
		{"warmfront_edge_disk_evictions_total", "Objects evicted from the disk to make room.", func() float64 { return float64(e.disk.Stats().Evictions) }},
		{"warmfront_edge_disk_corrupt_total", "Objects dropped because the disk gave back other bytes than were written.", func() float64 { return float64(e.disk.Stats().Corrupt) }},
		{"warmfront_edge_disk_skipped_total", "Objects and slices not written because the disk was behind.", func() float64 { return float64(e.store.Skipped.Load()) }},
	} {
		e.cfg.Registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: c.name, Help: c.help}, c.read))
	}
}

// served counts a request that was answered.
func (m *metrics) served(r result, bytes int64) {
	m.requests[r].Inc()
	m.bytes.Add(float64(bytes))
}

// asked counts a request to an origin.
func (m *metrics) asked(resp *message.Response, err error) {
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

// versionOf is the version the edge has applied, for metrics; zero before the first.
func versionOf(s *cdn.State) cdn.Version {
	if s == nil {
		return cdn.Version{}
	}
	return s.Version
}
