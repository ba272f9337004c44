// Command load asks every edge of a running network for the same objects at a
// steady rate, over keep-alive connections, and fails if one answer is wrong.
//
//	load -urls https://d….warmfront.test:8443/style.css,… -edges 127.120.0.1=127.120.9.9,… -ca ca.pem -rate 2000 -for 1m
//
// Requests are due at fixed times whatever the answers take, and latency counts
// from when a request was due: a network that falls behind is seen to. Before the
// clock starts every connection is made and every edge has fetched the objects.
// What is right is what the first edge answered then: status 200 and those bytes.
package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

type config struct {
	urls, edges, ca string
	rate            int
	length          time.Duration
	connections     int // to each edge
}

func main() {
	var cfg config
	flag.StringVar(&cfg.urls, "urls", "", "objects to ask for, separated by commas")
	flag.StringVar(&cfg.edges, "edges", "", "edges to ask, EDGE=VIEWER separated by commas: whom to connect to, and from where")
	flag.StringVar(&cfg.ca, "ca", "", "the network's authority, PEM")
	flag.IntVar(&cfg.rate, "rate", 2000, "requests a second, over all edges")
	flag.DurationVar(&cfg.length, "for", time.Minute, "how long")
	flag.IntVar(&cfg.connections, "connections", 8, "connections to each edge")
	flag.Parse()
	if err := run(cfg); err != nil {
		fmt.Fprintln(os.Stderr, "load: "+err.Error())
		os.Exit(1)
	}
}

func run(cfg config) error {
	roots, err := os.ReadFile(cfg.ca)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(roots) {
		return fmt.Errorf("%s holds no certificate", cfg.ca)
	}
	var clients []*http.Client
	for pair := range strings.SplitSeq(cfg.edges, ",") {
		c, err := client(pair, pool, cfg.connections)
		if err != nil {
			return err
		}
		clients = append(clients, c)
	}
	if cfg.rate < 1 || cfg.length <= 0 || cfg.connections < 1 {
		return errors.New("-rate, -for and -connections must be positive")
	}
	objects, err := fetchAll(clients[0], strings.Split(cfg.urls, ","))
	if err != nil {
		return err
	}
	if err := connect(clients, objects, cfg.connections); err != nil {
		return err
	}
	return report(cfg, drive(cfg, clients, objects))
}

// connect has every client use all its connections at once.
func connect(clients []*http.Client, objects []object, connections int) error {
	errs := make(chan error)
	for _, c := range clients {
		for range connections {
			go func() {
				var err error
				for _, o := range objects {
					if _, e := fetch(c, o.url); e != nil {
						err = e
					}
				}
				errs <- err
			}()
		}
	}
	var err error
	for range len(clients) * connections {
		if e := <-errs; e != nil {
			err = e
		}
	}
	return err
}

// client connects to one edge only, from one viewer's address, whatever name it
// is asked for.
func client(pair string, pool *x509.CertPool, connections int) (*http.Client, error) {
	edge, viewer, _ := strings.Cut(pair, "=")
	to, err := netip.ParseAddr(edge)
	if err != nil {
		return nil, fmt.Errorf("-edges %q: %w", pair, err)
	}
	from, err := netip.ParseAddr(viewer)
	if err != nil {
		return nil, fmt.Errorf("-edges %q: %w", pair, err)
	}
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	return &http.Client{
		Timeout:       10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: pool}, DisableCompression: true,
			MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections,
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				_, port, err := net.SplitHostPort(addr)
				if err != nil {
					return nil, err
				}
				return dialer.DialContext(ctx, network, net.JoinHostPort(to.String(), port))
			},
		},
	}, nil
}

type object struct {
	url string
	sum [sha256.Size]byte
}

func fetchAll(c *http.Client, urls []string) ([]object, error) {
	var objects []object
	for _, u := range urls {
		sum, err := fetch(c, u)
		if err != nil {
			return nil, err
		}
		objects = append(objects, object{u, sum})
	}
	return objects, nil
}

// fetch returns the digest of an answer with status 200; anything else is an
// error.
func fetch(c *http.Client, url string) (sum [sha256.Size]byte, err error) {
	answer, err := c.Get(url)
	if err != nil {
		return sum, err
	}
	defer answer.Body.Close()
	h := sha256.New()
	if _, err := io.Copy(h, answer.Body); err != nil {
		return sum, fmt.Errorf("%s: %w", url, err)
	}
	if answer.StatusCode != http.StatusOK {
		return sum, fmt.Errorf("%s: %s, X-Cache: %s", url, answer.Status, answer.Header.Get("X-Cache"))
	}
	copy(sum[:], h.Sum(nil))
	return sum, nil
}

// outcome is what one edge's connections saw.
type outcome struct {
	latencies []time.Duration
	errs      []error
}

// drive asks each edge for its share of the rate, all over the same time.
func drive(cfg config, clients []*http.Client, objects []object) []outcome {
	workers := len(clients) * cfg.connections
	interval := time.Duration(float64(time.Second) * float64(workers) / float64(cfg.rate))
	start := time.Now().Add(100 * time.Millisecond)
	end := start.Add(cfg.length)
	outcomes := make([]outcome, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			due := start.Add(interval * time.Duration(w) / time.Duration(workers)) // spread within the interval
			timer := time.NewTimer(time.Until(due))
			for i := w; due.Before(end); i++ {
				<-timer.C
				outcomes[w].ask(clients[w%len(clients)], objects[i%len(objects)], due)
				due = due.Add(interval)
				timer.Reset(time.Until(due)) // at once if it is late
			}
		})
	}
	wg.Wait()
	return outcomes
}

func (o *outcome) ask(c *http.Client, want object, due time.Time) {
	sum, err := fetch(c, want.url)
	if err == nil && sum != want.sum {
		err = fmt.Errorf("%s: other bytes than at first", want.url)
	}
	if err != nil {
		o.errs = append(o.errs, err)
		return
	}
	o.latencies = append(o.latencies, time.Since(due))
}

// report prints what was seen, and fails on any error or if the rate was not
// kept.
func report(cfg config, outcomes []outcome) error {
	var latencies []time.Duration
	var errs []error
	for _, o := range outcomes {
		latencies, errs = append(latencies, o.latencies...), append(errs, o.errs...)
	}
	slices.Sort(latencies)
	at := func(q float64) time.Duration {
		if len(latencies) == 0 {
			return 0
		}
		return latencies[int(q*float64(len(latencies)-1))].Round(10 * time.Microsecond)
	}
	got := float64(len(latencies)) / cfg.length.Seconds()
	fmt.Printf("%d answers, %.0f a second over %v, %d errors, p50 %v p99 %v p99.9 %v max %v\n",
		len(latencies), got, cfg.length, len(errs), at(0.5), at(0.99), at(0.999), at(1))
	if len(errs) > 0 {
		return fmt.Errorf("%d requests failed, the first with: %w", len(errs), errs[0])
	}
	if got < 0.99*float64(cfg.rate) {
		return fmt.Errorf("%.0f answers a second, not %d", got, cfg.rate)
	}
	if late := at(0.99); late > 5*time.Second {
		return fmt.Errorf("the network falls behind: p99 is %v", late)
	}
	return nil
}
