package edge

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/upstream"
)

// metrics are those of one node, in a registry of its own: many nodes run in one
// process.
type metrics struct {
	requests [results]prometheus.Counter
	bytes    prometheus.Counter
	fetches  *prometheus.CounterVec
}

func newMetrics(e *Edge, memory *cache.Memory) *metrics {
	m := &metrics{
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "warmfront_edge_sent_bytes_total", Help: "Bytes of bodies sent to viewers.",
		}),
		fetches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "warmfront_edge_origin_requests_total", Help: "Requests to origins, by what came of them: a class of status, or why there was no answer.",
		}, []string{"outcome"}),
	}
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
		requests, m.bytes, m.fetches,
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
	return m
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
