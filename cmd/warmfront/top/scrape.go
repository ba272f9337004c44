package top

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/warmfront/warmfront/cdn"
)

// The metrics that a node is asked for.
const (
	metricRequests = "warmfront_edge_requests_total"
	metricHTTPS    = "warmfront_edge_https_requests_total"
	metricBytes    = "warmfront_edge_sent_bytes_total"
	metricOrigin   = "warmfront_edge_origin_requests_total"
)

// maxMetrics bounds what is read of a node, in bytes.
const maxMetrics = 4 << 20

// scrape asks nodes for their metrics, all at once, as Prometheus does. It returns those that
// did not answer.
func scrape(ctx context.Context, client *http.Client, nodes []cdn.Node) (s Sample, silent []string) {
	s.Nodes = map[string]Counters{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, n := range nodes {
		wg.Go(func() {
			c, err := read(ctx, client, net.JoinHostPort(n.Addr.String(), strconv.Itoa(int(n.MetricsPort))))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				silent = append(silent, n.ID)
				return
			}
			s.Nodes[n.ID] = c
		})
	}
	wg.Wait()
	s.At = time.Now()
	return s, silent
}

func read(ctx context.Context, client *http.Client, addr string) (Counters, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/metrics", nil)
	if err != nil {
		return Counters{}, err
	}
	answer, err := client.Do(r)
	if err != nil {
		return Counters{}, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return Counters{}, fmt.Errorf("%s answers %s", addr, answer.Status)
	}
	return parse(io.LimitReader(answer.Body, maxMetrics))
}

// parse reads metrics in Prometheus's text form.
func parse(text io.Reader) (Counters, error) {
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(text)
	if err != nil {
		return Counters{}, err
	}
	return Counters{
		Requests: byLabel(families[metricRequests], "result"), Origin: byLabel(families[metricOrigin], "outcome"),
		HTTPS: sum(byLabel(families[metricHTTPS], "")), Bytes: sum(byLabel(families[metricBytes], "")),
	}, nil
}

// byLabel returns the values of a family of counters by the value of a label.
func byLabel(f *dto.MetricFamily, label string) map[string]float64 {
	values := map[string]float64{}
	for _, m := range f.GetMetric() {
		of := ""
		for _, l := range m.GetLabel() {
			if l.GetName() == label {
				of = l.GetValue()
			}
		}
		values[of] += m.GetCounter().GetValue()
	}
	return values
}
