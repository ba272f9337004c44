package health

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/report"
)

// Prober checks one edge: a nil error says that it may be sent viewers. The report is what
// it says of itself then.
type Prober interface {
	Probe(ctx context.Context, node cdn.Node) (report.Edge, error)
}

// Config is what a Checker needs.
type Config struct {
	Settings Settings
	Probe    Prober
	// Changed is called, without a lock held, after the set of healthy edges
	// changed.
	Changed func()
	Now     func() time.Time
	Logger  *slog.Logger
}

// Checker checks edges for as long as Run runs. Its methods may be called by any
// goroutine.
type Checker struct {
	cfg  Config
	wake chan struct{} // holds one token: the board changed

	mu    sync.Mutex
	board *Board
}

// NewChecker returns a checker without edges.
func NewChecker(cfg Config) *Checker {
	return &Checker{cfg: cfg, wake: make(chan struct{}, 1), board: NewBoard(cfg.Settings, cfg.Now())}
}

// Register makes the checker check exactly these edges; new ones at once.
func (c *Checker) Register(nodes []cdn.Node) {
	c.mu.Lock()
	known := c.board.Register(nodes, c.cfg.Now())
	c.mu.Unlock()
	if !known {
		c.cfg.Logger.Warn("no edge is registered any more: keeping the last known ones")
	}
	c.poke()
}

// Hint takes in what gossip says of a node.
func (c *Checker) Hint(id string, h Hint) {
	c.mu.Lock()
	changed := c.board.Hint(id, h, c.cfg.Now())
	c.mu.Unlock()
	if changed {
		c.cfg.Changed()
	}
	c.poke()
}

// Edges returns all edges and their health, by id.
func (c *Checker) Edges() []Edge {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.board.Edges()
}

func (c *Checker) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Run checks until ctx ends and returns when no check is under way.
func (c *Checker) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-timer.C:
		}
		due, wait := c.start()
		for _, node := range due {
			running.Go(func() { c.check(ctx, node) })
		}
		timer.Reset(wait)
	}
}

// start returns the checks to run now and how long to wait for the next.
func (c *Checker) start() ([]cdn.Node, time.Duration) {
	c.mu.Lock()
	now := c.cfg.Now()
	due, changed := c.board.Start(now)
	next := c.board.Next()
	c.mu.Unlock()
	if changed {
		c.cfg.Changed()
	}
	wait := c.cfg.Settings.Interval
	if !next.IsZero() {
		wait = min(wait, max(0, next.Sub(now)))
	}
	return due, wait
}

func (c *Checker) check(ctx context.Context, node cdn.Node) {
	probe, cancel := context.WithTimeout(ctx, c.cfg.Settings.Timeout)
	defer cancel()
	report, err := c.cfg.Probe.Probe(probe, node)
	if ctx.Err() != nil {
		return // we are stopping: the failure is ours
	}
	c.mu.Lock()
	before, after := c.board.Observe(node, report, err, c.cfg.Now())
	c.mu.Unlock()
	if before != after {
		if after == Up {
			c.cfg.Logger.Info("edge is up", "node", node.ID, "was", before.String())
		} else {
			c.cfg.Logger.Warn("edge is down", "node", node.ID, "was", before.String(), "err", err)
		}
		c.cfg.Changed()
	}
	c.poke()
}
