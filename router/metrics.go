package router

import (
	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are one node's: several routers in a process have a registry each.
type metrics struct {
	queries *prometheus.CounterVec
	answers *prometheus.CounterVec
	geo     *prometheus.CounterVec
	dropped *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, up func() float64) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &metrics{
		queries: counter("warmfront_dns_queries_total", "DNS queries answered.", "proto", "type", "rcode"),
		answers: counter("warmfront_dns_answers_total", "Address answers, by the edge location they name.", "pop"),
		geo: counter("warmfront_dns_geo_total",
			"How viewers were placed: by their subnet (EDNS Client Subnet), by the asking address, or not (unknown).", "outcome"),
		dropped: counter("warmfront_dns_dropped_total", "Packets and connections without an answer, by why.", "reason"),
	}
	if reg == nil {
		return m, nil
	}
	gauge := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "warmfront_router_edges_up", Help: "Registered edges that this router's checks find healthy.",
	}, up)
	for _, c := range []prometheus.Collector{m.queries, m.answers, m.geo, m.dropped, gauge} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// observe counts one answer. The labels are bounded: types that strangers may make up
// count as "other".
func (m *metrics) observe(q, r *dns.Msg, proto Proto, t trace) {
	qtype := "none"
	if len(q.Question) == 1 {
		qtype = "other"
		switch n := q.Question[0].Qtype; n {
		case dns.TypeA, dns.TypeAAAA, dns.TypeNS, dns.TypeSOA, dns.TypeTXT, dns.TypeANY, dns.TypeHTTPS, dns.TypeCNAME:
			qtype = dns.TypeToString[n]
		}
	}
	rcode := dns.RcodeToString[r.Rcode]
	if r.Rcode == dns.RcodeBadVers {
		rcode = "BADVERS" // the library's name for 16 is that of TSIG's BADSIG
	}
	m.queries.WithLabelValues(proto.String(), qtype, rcode).Inc()
	if t.pop != "" {
		m.answers.WithLabelValues(t.pop).Inc()
		m.geo.WithLabelValues(t.geo).Inc()
	}
}
