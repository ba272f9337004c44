package collapse

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
)

// Crew is the goroutines of fetches, which may begin while their owner closes.
type Crew struct {
	logger *slog.Logger
	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
}

// NewCrew makes one whose failures are told to logger.
func NewCrew(logger *slog.Logger) *Crew { return &Crew{logger: logger} }

// Start runs f. After Finish nobody waits for it: its context has ended then, and
// so will it. If f panics the process goes on, and failed has those told who wait
// for what f was to bring.
func (c *Crew) Start(f func(), failed func(error)) {
	work := func() {
		defer func() {
			if reason := recover(); reason != nil {
				c.logger.Error("a fetch panicked", "reason", reason, "stack", string(debug.Stack()))
				failed(fmt.Errorf("a fetch panicked: %v", reason))
			}
		}()
		f()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		go work()
		return
	}
	c.wg.Go(work)
}

// Finish waits for those that were started.
func (c *Crew) Finish() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.wg.Wait()
}
