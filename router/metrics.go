package router

import (
	"sync/atomic"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/router/pick"
)

// metrics are one node's: several routers in a process have a registry each.
type metrics struct {
	queries *prometheus.CounterVec
	answers *prometheus.CounterVec
	geo     *prometheus.CounterVec
	dropped *prometheus.CounterVec
	// truncated counts answers that did not fit UDP.
	truncated prometheus.Counter
	// distributions counts address answers by distribution; those that are deleted
	// are left out.
	distributions *prometheus.CounterVec

	// What became of exchanges for the query log.
	logged, logDropped, logLost prometheus.Counter

	absent [2][2]prometheus.Counter        // like common, NXDOMAIN
	common [2][2]prometheus.Counter        // of queries: NOERROR, by protocol, for A and for AAAA
	placed [3]prometheus.Counter           // of geo: see placements
	pops   [256]atomic.Pointer[popAnswers] // of answers, by the number of the POP
}

// popAnswers are the answers of one POP. Its code is kept, for a catalogue may name
// the number otherwise.
type popAnswers struct {
	code    string
	answers prometheus.Counter
}

// placements are the ways viewers are placed, in the order of metrics.placed.
func placements() [3]string { return [3]string{"subnet", "address", "unknown"} }

// newMetrics registers a router's metrics: its own, and those that others count.
func newMetrics(reg prometheus.Registerer, others ...prometheus.Collector) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &metrics{
		queries: counter("warmfront_dns_queries_total", "Queries answered, by the response code; a name that does not exist is NXDOMAIN, also where that is signed as NOERROR.", "proto", "type", "rcode"),
		answers: counter("warmfront_dns_answers_total", "A, AAAA and HTTPS answers, by the edge location they name.", "pop"),
		geo: counter("warmfront_dns_geo_total",
			"How viewers were placed: by their subnet (EDNS Client Subnet), by the asking address, or not (unknown).", "outcome"),
		dropped:       counter("warmfront_dns_dropped_total", "Packets and connections without an answer, by why.", "reason"),
		distributions: counter("warmfront_dns_distribution_answers_total", "A, AAAA and HTTPS answers, by the distribution asked for.", "distribution"),
	}
	for proto := range m.common {
		for i, qtype := range [...]string{"A", "AAAA"} {
			m.common[proto][i] = m.queries.WithLabelValues(Proto(proto).String(), qtype, "NOERROR")
			m.absent[proto][i] = m.queries.WithLabelValues(Proto(proto).String(), qtype, "NXDOMAIN")
		}
	}
	m.truncated = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "warmfront_dns_truncated_total", Help: "Answers that did not fit a datagram, or were too large for who has no cookie: whoever asked was told to use TCP.",
	})
	log := counter("warmfront_dns_query_log_total",
		"Exchanges for the query log: taken, dropped because too many waited, or lost because they could not be written though taken.", "result")
	m.logged, m.logDropped, m.logLost = log.WithLabelValues("taken"), log.WithLabelValues("dropped"), log.WithLabelValues("lost")
	for i, how := range placements() {
		m.placed[i] = m.geo.WithLabelValues(how)
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range append(others, m.queries, m.answers, m.geo, m.dropped, m.truncated, m.distributions, log) {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// observe counts one answer. The labels are bounded: types that strangers may make up
// count as "other".
func (m *metrics) observe(q *dns.Msg, t trace, proto Proto, truncated bool) {
	qtype := "none"
	if len(q.Question) == 1 {
		qtype = "other"
		switch n := q.Question[0].Qtype; n {
		case dns.TypeA, dns.TypeAAAA, dns.TypeNS, dns.TypeSOA, dns.TypeTXT, dns.TypeANY, dns.TypeHTTPS, dns.TypeCNAME,
			dns.TypeCAA, dns.TypeDNSKEY, dns.TypeDS, dns.TypeCDS, dns.TypeCDNSKEY, dns.TypeNSEC, dns.TypeMX:
			qtype = dns.TypeToString[n]
		}
	}
	rcode := dns.RcodeToString[t.said]
	if t.said == dns.RcodeBadVers {
		rcode = "BADVERS" // the library's name for 16 is that of TSIG's BADSIG
	}
	m.queries.WithLabelValues(proto.String(), qtype, rcode).Inc()
	if truncated {
		m.truncated.Inc()
	}
	if t.pop != "" {
		m.answers.WithLabelValues(t.pop).Inc()
		m.geo.WithLabelValues(t.geo).Inc()
		m.distributions.WithLabelValues(t.distribution).Inc()
	}
}

// observeCommon counts an address answer, as observe would, without looking up
// labels and without a lock.
func (m *metrics) observeCommon(t *target, site *pick.Site, outcome string, qtype uint16, proto Proto) {
	i := 0
	if qtype == dns.TypeAAAA {
		i = 1
	}
	m.common[proto][i].Inc()
	t.answers.Inc()
	for i, how := range placements() {
		if how == outcome {
			m.placed[i].Inc()
		}
	}
	slot := &m.pops[site.N&255]
	p := slot.Load()
	if p == nil || p.code != site.Code {
		p = &popAnswers{code: site.Code, answers: m.answers.WithLabelValues(site.Code)}
		slot.Store(p)
	}
	p.answers.Inc()
}

// figures are what others count for a router.
func (r *Router) figures() []prometheus.Collector {
	gauge := func(name, help string, of func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, of)
	}
	list := []prometheus.Collector{
		gauge("warmfront_router_edges_up", "Registered edges that this router's checks find healthy.", r.edgesUp),
		gauge("warmfront_dns_tcp_connections", "Open TCP connections.", func() float64 { return float64(r.server.Connections()) }),
	}
	if len(r.cfg.Keys) == 0 {
		return list
	}
	count := func(name, help string, of func() uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(of()) })
	}
	return append(list,
		count("warmfront_dns_signatures_made_total", "Signatures made with the keys that are in use.", func() uint64 { return r.snap.Load().signer.Made() }),
		count("warmfront_dns_signatures_reused_total", "RRsets answered with signatures that were made before.", func() uint64 { return r.snap.Load().signer.Reused() }))
}
