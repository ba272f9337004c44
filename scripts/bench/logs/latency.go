package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// latencies measures hits of two distributions of one edge in turn: one that nothing is
// logged of, and one of which everything is.
type latencies struct {
	edge        string   // its address
	hosts       []string // of the distributions
	connections int
	turn        time.Duration // how long one distribution is asked
	rounds      int
}

func (l *latencies) run() error {
	took := make([][]time.Duration, len(l.hosts))
	for range l.rounds {
		for i, host := range l.hosts {
			all, err := l.ask(host)
			if err != nil {
				return err
			}
			took[i] = append(took[i], all...)
		}
	}
	fmt.Printf("%d connections, %d turns of %v each\n", l.connections, l.rounds, l.turn)
	for i, host := range l.hosts {
		slices.Sort(took[i])
		at := func(part float64) float64 {
			return float64(took[i][int(part*float64(len(took[i])-1))].Nanoseconds()) / 1000
		}
		fmt.Printf("%-44s %8d requests, p50 %.0f µs, p90 %.0f µs, p99 %.0f µs, p99.9 %.0f µs\n", host, len(took[i]), at(0.5), at(0.9), at(0.99), at(0.999))
	}
	return nil
}

// ask asks one distribution for as long as a turn, by all connections.
func (l *latencies) ask(host string) (all []time.Duration, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	until := time.Now().Add(l.turn)
	for range l.connections {
		wg.Go(func() {
			took, failed := askOne(l.edge, host, until)
			mu.Lock()
			defer mu.Unlock()
			all, err = append(all, took...), errors.Join(err, failed)
		})
	}
	wg.Wait()
	return all, err
}

func askOne(edge, host string, until time.Time) (took []time.Duration, err error) {
	c, err := net.Dial("tcp", edge)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	request := []byte("GET /style.css HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\n\r\n")
	from := bufio.NewReader(c)
	for began := time.Now(); began.Before(until); began = time.Now() {
		if _, err := c.Write(request); err != nil {
			return nil, err
		}
		answer, err := http.ReadResponse(from, nil)
		if err != nil {
			return nil, err
		}
		_, err = io.Copy(io.Discard, answer.Body)
		if err := errors.Join(err, answer.Body.Close()); err != nil {
			return nil, err
		}
		ended := time.Since(began)
		switch result := answer.Header.Get("X-Cache"); {
		case strings.HasPrefix(result, "Hit"):
			took = append(took, ended)
		case !strings.HasPrefix(result, "Miss") || len(took) > 0:
			return nil, fmt.Errorf("%s is answered %s, %s", host, answer.Status, result)
		}
	}
	return took, nil
}
