package collapse

import "sync"

// Crew is the goroutines of fetches, which may begin while their owner closes.
type Crew struct {
	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
}

// Start runs f. After Finish nobody waits for it: its context has ended then, and
// so will it.
func (c *Crew) Start(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		go f()
		return
	}
	c.wg.Go(f)
}

// Finish waits for those that were started.
func (c *Crew) Finish() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.wg.Wait()
}
