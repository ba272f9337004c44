package logship

import "github.com/prometheus/client_golang/prometheus"

// metrics are those of one node.
type metrics struct {
	lines   *prometheus.CounterVec
	objects *prometheus.CounterVec
}

func newMetrics(registry *prometheus.Registry, spool func() int64) *metrics {
	m := &metrics{
		lines: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "warmfront_edge_log_lines_total",
			Help: "Lines of access logs: taken, put into a bucket, or dropped, and then why.",
		}, []string{"result"}),
		objects: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "warmfront_edge_log_objects_total", Help: "Files of access logs, by whether their bucket took them.",
		}, []string{"result"}),
	}
	if registry == nil {
		return m
	}
	registry.MustRegister(m.lines, m.objects, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "warmfront_edge_log_spool_bytes", Help: "Bytes of access logs that wait on the disk.",
	}, func() float64 { return float64(spool()) }))
	for _, result := range []string{"taken", "put", "dropped: memory", "dropped: spool", "dropped: disk", "dropped: undeliverable"} {
		m.lines.WithLabelValues(result)
	}
	for _, result := range []string{"put", "failed"} {
		m.objects.WithLabelValues(result)
	}
	return m
}

func (m *metrics) taken(lines int) { m.lines.WithLabelValues("taken").Add(float64(lines)) }

func (m *metrics) dropped(why string, lines int) {
	m.lines.WithLabelValues("dropped: " + why).Add(float64(lines))
}

func (m *metrics) put(lines int) {
	m.lines.WithLabelValues("put").Add(float64(lines))
	m.objects.WithLabelValues("put").Inc()
}

func (m *metrics) failed() { m.objects.WithLabelValues("failed").Inc() }
