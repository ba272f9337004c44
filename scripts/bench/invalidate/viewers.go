package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/warmfront/warmfront/scripts/bench/peers"
)

// viewers is how many connections a steady load comes on.
const viewers = 4

// A viewer is one connection to an edge.
type viewer struct {
	net.Conn
	in   *bufio.Reader
	host string
}

func dialViewer(ctx context.Context, s *peers.Server) (*viewer, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", s.HTTP)
	if err != nil {
		return nil, err
	}
	return &viewer{c, bufio.NewReader(c), s.Host}, nil
}

// get asks for one object and reads all of it.
func (v *viewer) get(path string) error {
	if err := v.SetDeadline(time.Now().Add(oneLimit)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(v, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, v.host); err != nil {
		return err
	}
	answer, err := http.ReadResponse(v.in, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, answer.Status)
	}
	return nil
}

// drive asks for the hot objects, so many a second, and returns what each took from when it was due: a request that had
// to wait for the one before it waited for the edge too.
func drive(ctx context.Context, s *peers.Server, rate int, window time.Duration) (spread, error) {
	took, errs := make([][]time.Duration, viewers), make([]error, viewers)
	every := time.Duration(viewers) * time.Second / time.Duration(rate)
	var group sync.WaitGroup
	for i := range viewers {
		group.Go(func() {
			v, err := dialViewer(ctx, s)
			if err != nil {
				errs[i] = err
				return
			}
			defer v.Close()
			began := time.Now().Add(every * time.Duration(i) / viewers)
			for n := 0; time.Duration(n)*every < window; n++ {
				due := began.Add(time.Duration(n) * every)
				if err := pause(ctx, time.Until(due)); err != nil {
					errs[i] = err
					return
				}
				late := time.Since(due) // of this process's own timer
				if late < every {
					due = due.Add(late)
				}
				if errs[i] = v.get(fmt.Sprint(hotPath, n%hot)); errs[i] != nil {
					return
				}
				took[i] = append(took[i], time.Since(due))
			}
		})
	}
	group.Wait()
	var all []time.Duration
	for i := range viewers {
		if errs[i] != nil {
			return spread{}, errs[i]
		}
		all = append(all, took[i]...)
	}
	return spreadOf(all), nil
}
