package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/network"
	"github.com/warmfront/warmfront/network/ports"
	"github.com/warmfront/warmfront/network/statefolder"
)

// running is the whole network in this process, with one edge in each of so many cities.
type running struct {
	*api
	edges        int
	distribution string
	arrivals     *arrivals
	folder       string
	stop         context.CancelFunc
	ended        chan error
}

// startLimit is for every node to start and be level with control.
const startLimit = 2 * time.Minute

func start(ctx context.Context, cfg config, edges int) (_ *running, err error) {
	debug.SetGCPercent(50) // as `warmfront up` does
	db, err := geo.Open(geo.Config{})
	if err != nil {
		return nil, err
	}
	pops, err := cities(db.Catalogue(), edges)
	if err != nil {
		return nil, err
	}
	ports, err := ports.DefaultPorts().Shift(cfg.portBase)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "bench-invalidate-")
	if err != nil {
		return nil, err
	}
	r := &running{edges: edges, arrivals: newArrivals(edges), folder: folder, ended: make(chan error, 1), stop: func() {}}
	up, err := network.NewUp(network.UpConfig{
		Folder: statefolder.Folder(folder), POPs: pops, NodesPerPOP: 1, Home: geo.DefaultHome, Zone: network.DefaultZone, Ports: ports, Geo: db,
		MemoryBytes: 8 << 20, Version: "bench", Log: slog.New(slog.DiscardHandler), OnApply: r.arrivals.note,
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	running, stop := context.WithCancel(ctx)
	r.stop = stop
	ready := make(chan statefolder.Running, 1)
	go func() { r.ended <- up.Run(running, func(d statefolder.Running) { ready <- d }) }()
	began := time.Now()
	select {
	case d := <-ready:
		say("%d edges: ready in %.1f s", edges, time.Since(began).Seconds())
		r.distribution = d.Distribution
		r.arrivals.of(d.Distribution)
		if r.api, err = newAPI(d.Control, statefolder.Folder(folder)); err != nil {
			return nil, errors.Join(err, r.Close())
		}
		return r, nil
	case err := <-r.ended:
		return nil, errors.Join(fmt.Errorf("the network of %d edges: %w", edges, err), os.RemoveAll(folder))
	case <-time.After(startLimit):
		return nil, errors.Join(fmt.Errorf("%d edges were not ready within %v", edges, startLimit), r.Close())
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), r.Close())
	}
}

// cities are those of `warmfront up` for twelve, the first of the catalogue's otherwise.
func cities(c *geo.Catalogue, n int) ([]geo.POP, error) {
	all, err := c.Select(network.DefaultPOPs)
	if err != nil || n == len(all) {
		return all, err
	}
	if all = c.Metro(); n < 1 || n > len(all) {
		return nil, fmt.Errorf("-nodes %d: there are 1 to %d cities", n, len(all))
	}
	return all[:n], nil
}

// Close stops the network and waits until it has.
func (r *running) Close() error {
	r.stop()
	err := <-r.ended
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, os.RemoveAll(r.folder))
}
