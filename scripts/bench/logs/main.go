// Command logs measures what access logs cost: it hands records over as requests do, as
// fast as the spool takes them, and has them put into a bucket on the loopback, over
// HTTP.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/logs"
	"github.com/warmfront/warmfront/edge/accesslog"
	"github.com/warmfront/warmfront/edge/logship"
	"github.com/warmfront/warmfront/sigv4"
)

func main() {
	lines := flag.Int("lines", 10_000_000, "how many lines")
	distributions := flag.Int("distributions", 10, "of how many distributions")
	interval := flag.Duration("interval", 10*time.Second, "as --log-interval")
	format := flag.String("format", "", "deliver by standard logging (v2) in that format (w3c, plain, json, parquet) instead of as legacy logs")
	var l latencies
	hosts := flag.String("hosts", "", "measure hits of these two distributions in turn instead, their names separated by a comma (latency.sh)")
	flag.StringVar(&l.edge, "edge", "", "the edge's address, for -hosts")
	flag.IntVar(&l.connections, "connections", 4, "how many ask, for -hosts")
	flag.DurationVar(&l.turn, "turn", 2*time.Second, "how long each is asked at a time, for -hosts")
	flag.IntVar(&l.rounds, "rounds", 10, "how often each is asked, for -hosts")
	flag.Parse()
	l.hosts = strings.Split(*hosts, ",")
	do := func() error { return run(*lines, *distributions, *interval, *format) }
	if *hosts != "" {
		do = l.run
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "logs:", err)
		os.Exit(1)
	}
}

// bucket is a store that takes everything and keeps nothing.
type bucket struct{ objects, bytes atomic.Int64 }

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, _ := io.Copy(io.Discard, r.Body) // who sends is measured, not who takes
	b.objects.Add(1)
	b.bytes.Add(n)
	w.WriteHeader(http.StatusOK)
}

func run(lines, distributions int, interval time.Duration, format string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	var to bucket
	server := http.Server{Handler: &to, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	dir, err := os.MkdirTemp("", "bench-logs-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	put, done := logship.Buckets{Endpoint: "http://" + l.Addr().String(), Credentials: func() (sigv4.Credentials, error) {
		return sigv4.Credentials{AccessKeyID: "ID", SecretAccessKey: "secret"}, nil
	}}.Sender()
	defer done()
	var sent atomic.Int64
	counted := func(ctx context.Context, o logship.Object, gz []byte) error {
		err := put(ctx, o, gz)
		if err == nil {
			sent.Add(int64(o.Lines))
		}
		return err
	}
	s, err := logship.New(logship.Config{Dir: dir, Interval: interval, SpoolBytes: 8 << 30, Put: counted, Registry: prometheus.NewRegistry()})
	if err != nil {
		return err
	}
	state, err := logging(distributions, format)
	if err != nil {
		return err
	}
	s.Update(state)
	records := samples(distributions)
	before := used()
	began := time.Now()
	waits := 0
	for i := range lines {
		for !s.Log(records[i%len(records)]) { // a request would go on, and the line be dropped
			waits++
			time.Sleep(time.Millisecond)
		}
	}
	handed, handedCPU := time.Since(began), used()-before
	for sent.Load() < int64(lines) {
		time.Sleep(10 * time.Millisecond)
	}
	all, cpu := time.Since(began), used()-before
	if err := s.Close(); err != nil {
		return err
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return err
	}
	fmt.Printf("%d lines of %d distributions\n", lines, distributions)
	fmt.Printf("handed over in   %.1f s (%.0f a second; %d times there was no room), by then %.1f s of a processor\n", handed.Seconds(), float64(lines)/handed.Seconds(), waits, handedCPU.Seconds())
	fmt.Printf("all put in       %.1f s (%.0f a second), %.1f s of a processor, %.2f µs a line\n", all.Seconds(), float64(lines)/all.Seconds(), cpu.Seconds(), float64(cpu.Microseconds())/float64(lines))
	fmt.Printf("into             %d files, %.0f MB, %.1f bytes a line\n", to.objects.Load(), float64(to.bytes.Load())/1e6, float64(to.bytes.Load())/float64(lines))
	fmt.Printf("resident at most %.0f MB\n", float64(usage.Maxrss)/1000)
	return nil
}

// logging is a state in which all distributions log, in that format.
func logging(distributions int, format string) (*cdn.State, error) {
	state := cdn.NewState(1)
	put := func(kind cdn.ResourceKind, id, document string) error {
		c, err := cdn.NewChange(cdn.KindResourcePut, &cdn.Resource{Kind: kind, ID: id, Document: document}, time.Now())
		if err == nil {
			c.Version = state.Version.Next()
			state, err = state.Apply(c)
		}
		return err
	}
	if format != "" {
		if err := put(cdn.ResourceLogDestination, "to", logs.Encode(&logs.Destination{ResourceARN: "arn:aws:s3:::logs/x", Format: format})); err != nil {
			return nil, err
		}
	}
	for i := range distributions {
		id := fmt.Sprintf("E%013d", i)
		p := &cdn.Plan{ID: id, ARN: "arn:aws:cloudfront::123456789012:distribution/" + id}
		if state.Plans[id] = p; format == "" {
			p.Logging = &logs.Standard{Bucket: "logs"}
			continue
		}
		err := errors.Join(put(cdn.ResourceLogSource, id, logs.Encode(&logs.Source{ResourceARN: p.ARN})),
			put(cdn.ResourceLogDelivery, id, logs.Encode(&logs.Delivery{Source: id, Destination: "to", Fields: logs.StandardFields()})))
		if err != nil {
			return nil, err
		}
	}
	return state, nil
}

// samples are requests as they come: paths, viewers and agents of some variety.
func samples(distributions int) []*accesslog.Record {
	var all []*accesslog.Record
	agents := []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
		"curl/8.8.0",
	}
	results := []string{accesslog.Hit, accesslog.Hit, accesslog.Hit, accesslog.Miss, accesslog.RefreshHit}
	const different = 10_007
	for i := range different {
		result := results[i%len(results)]
		all = append(all, &accesslog.Record{
			Ended: time.Now().UTC(), Location: "FRA86-P1", Distribution: fmt.Sprintf("E%013d", i%distributions), Domain: fmt.Sprintf("d%013d.warmfront.test", i%distributions),
			Behavior: "*", RequestID: fmt.Sprintf("%054x==", i*7919), Viewer: netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}), uint16(1024+i%60000)),
			Method: "GET", Protocol: "https", Major: 2, Host: "www.example.com", Path: fmt.Sprintf("/assets/%d/image-%d.webp", i%97, i%1009), Query: fmt.Sprintf("v=%d", i%13),
			Referer: "https://www.example.com/", UserAgent: agents[i%len(agents)], TLSVersion: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256",
			Status: 200, Result: result, ResponseResult: result, Detail: result, ContentType: "image/webp", ContentLength: int64(1000 + i),
			Sent: int64(1400 + i), Received: 240, Took: time.Duration(i) * time.Microsecond, FirstByte: time.Duration(i) * time.Microsecond / 2,
		})
	}
	return all
}

// used is how long processors have worked for this process.
func used() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
