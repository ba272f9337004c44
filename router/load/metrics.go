package load

import "github.com/prometheus/client_golang/prometheus"

// collector is the metrics of the states of POPs.
type collector struct {
	states     func() map[string]State
	use, spill *prometheus.Desc
}

// Collector returns the metrics of the states that a function returns, of the POPs that
// report.
func Collector(states func() map[string]State) prometheus.Collector {
	return collector{
		states: states,
		use:    prometheus.NewDesc("warmfront_router_pop_use_ratio", "Requests that the healthy edges of a location answer, as a part of those they are to.", []string{"pop"}, nil),
		spill:  prometheus.NewDesc("warmfront_router_pop_spill_ratio", "Part of the blocks of viewers nearest to a location that is sent on to others.", []string{"pop"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (c collector) Describe(to chan<- *prometheus.Desc) { to <- c.use; to <- c.spill }

// Collect implements prometheus.Collector.
func (c collector) Collect(to chan<- prometheus.Metric) {
	for code, s := range c.states() {
		to <- prometheus.MustNewConstMetric(c.use, prometheus.GaugeValue, s.Use, code)
		to <- prometheus.MustNewConstMetric(c.spill, prometheus.GaugeValue, s.Spill, code)
	}
}
