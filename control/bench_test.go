package control_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control"
	"github.com/warmfront/warmfront/control/client"
	"github.com/warmfront/warmfront/journal"
)

// BenchmarkPropagation measures, over real sockets on loopback, from Propose's
// return to the last edge applying the change, and to its being settled.
func BenchmarkPropagation(b *testing.B) {
	for _, nodes := range []int{12, 100} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) { benchPropagation(b, nodes) })
	}
}

func benchPropagation(b *testing.B, nodes int) {
	log := slog.New(slog.DiscardHandler)
	ctl, err := control.New(control.Config{
		DataDir: b.TempDir(), Zone: testZone, Secret: testSecret, PeerAddr: "127.0.0.1:0", Log: log,
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, nodes+1)
	go func() { ended <- ctl.Run(ctx) }()
	type applied struct {
		version cdn.Version
		at      time.Time
	}
	all := make(chan applied, nodes)
	var heap, started runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&heap)
	before := runtime.NumGoroutine()
	start := time.Now()
	var ready atomic.Bool
	for k := range nodes {
		cl, err := client.New(client.Config{
			Node: edgeNode("FRA", k+1), Control: []string{ctl.Addr().(*net.TCPAddr).String()}, Secret: testSecret, DataDir: b.TempDir(), Log: log,
			OnApply: func(s *cdn.State) {
				if ready.Load() {
					all <- applied{s.Version, time.Now()}
				}
			},
		})
		if err != nil {
			b.Fatal(err)
		}
		go func() { ended <- cl.Run(ctx) }()
	}
	for leased := 0; leased < nodes; {
		leased = 0
		for _, s := range ctl.NodeStatus() {
			if s.Leased() && s.Acked == ctl.Head() {
				leased++
			}
		}
		runtime.Gosched()
	}
	took := time.Since(start)
	runtime.GC()
	runtime.ReadMemStats(&started)
	routines := runtime.NumGoroutine() - before
	ready.Store(true)
	var last, settled []time.Duration
	for b.Loop() {
		v, err := ctl.Propose(ctx, setting("a", time.Now().String()))
		if err != nil {
			b.Fatal(err)
		}
		answered := time.Now()
		var slowest time.Duration
		for range nodes {
			a := <-all
			slowest = max(slowest, a.at.Sub(answered))
		}
		if err := ctl.WaitSettled(ctx, journal.Completed, v); err != nil {
			b.Fatal(err)
		}
		last, settled = append(last, slowest), append(settled, time.Since(answered))
	}
	b.ReportMetric(float64(took.Milliseconds()), "start-ms")
	b.ReportMetric(float64(started.HeapInuse+started.StackInuse-heap.HeapInuse-heap.StackInuse)/float64(nodes)/1024, "KiB/node")
	b.ReportMetric(float64(routines)/float64(nodes), "goroutines/node")
	for name, d := range map[string][]time.Duration{"applied": last, "settled": settled} {
		slices.Sort(d)
		b.ReportMetric(float64(d[len(d)/2].Microseconds())/1000, name+"-p50-ms")
		b.ReportMetric(float64(d[len(d)*99/100].Microseconds())/1000, name+"-p99-ms")
	}
	ready.Store(false)
	cancel()
	for range nodes + 1 {
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}
	_ = ctl.Close()
}
