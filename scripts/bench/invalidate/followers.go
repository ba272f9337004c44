package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/client"
	"github.com/warmfront/warmfront/scripts/bench/peers"
)

// followersCommand is what this program is called with to be the nodes of a fleet. Their CPU time and memory are then
// not control's.
const followersCommand = "followers"

// An order is what that process is told, on its standard input, which then stays open until it is to end.
type order struct {
	Control string
	Secret  string
	Nodes   int
}

// A report is a line of its output. The first says that every node has a lease, the others that every node has applied
// a version, and when: nanoseconds of the wall clock, which the two processes share.
type report struct {
	Version             cdn.Version
	First, Middle, Last int64
}

// applications gathers when nodes applied versions.
type applications struct {
	nodes int
	out   *json.Encoder

	mu    sync.Mutex
	ready bool
	at    map[cdn.Version][]int64
}

func (a *applications) note(s *cdn.State) {
	now := time.Now().UnixNano()
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.ready {
		return
	}
	at := append(a.at[s.Version], now)
	a.at[s.Version] = at
	if len(at) == a.nodes {
		slices.Sort(at)
		_ = a.out.Encode(report{s.Version, at[0], at[len(at)/2], at[len(at)-1]}) // who reads it is gone: so is the input
		delete(a.at, s.Version)
	}
}

func (a *applications) begin() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ready = true
	return a.out.Encode(report{})
}

// followers runs the nodes until the input ends.
func followers(in io.Reader, out io.Writer) error {
	var o order
	orders := json.NewDecoder(in)
	if err := orders.Decode(&o); err != nil {
		return err
	}
	if err := peers.RaiseFiles(uint64(2*o.Nodes + 1000)); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	a := &applications{nodes: o.Nodes, out: json.NewEncoder(out), at: map[cdn.Version][]int64{}}
	ended := make(chan error, o.Nodes)
	var clients []*client.Client
	for i := range o.Nodes {
		c, err := client.New(client.Config{
			Node: fleetNode(i), Control: []string{o.Control}, Secret: []byte(o.Secret), OnApply: a.note, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			return err
		}
		clients = append(clients, c)
		go func() { ended <- c.Run(ctx) }()
	}
	waiting, stop := context.WithTimeout(ctx, startLimit)
	defer stop()
	for _, c := range clients {
		if err := c.Ready(waiting); err != nil {
			return err
		}
	}
	if err := a.begin(); err != nil {
		return err
	}
	_, _ = orders.Token() // returns when the input ends
	cancel()
	var errs []error
	for range clients {
		errs = append(errs, <-ended)
	}
	return errors.Join(errs...)
}
