package viewer

import (
	"net"
	"sync"
	"time"
)

// open is the set of connections under way, so that they can be waited for and
// ended.
type open struct {
	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	ended  bool
	active sync.WaitGroup
}

// add takes a connection in and returns what to call when it is done with; false
// once all were ended.
func (o *open) add(c net.Conn) (done func(), ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return func() {}, false
	}
	if o.conns == nil {
		o.conns = map[net.Conn]struct{}{}
	}
	o.conns[c] = struct{}{}
	o.active.Add(1)
	return func() {
		o.mu.Lock()
		delete(o.conns, c)
		o.mu.Unlock()
		o.active.Done()
	}, true
}

// end closes all connections; none is taken in any more.
func (o *open) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	for c := range o.conns {
		_ = c.Close()
	}
}

// drain waits until all connections are done, and ends them after the limit.
func (o *open) drain(limit time.Duration) {
	end := time.AfterFunc(limit, o.end)
	defer end.Stop()
	o.active.Wait()
}

// drainLimit leaves time, of the ten seconds that a stop may take.
const drainLimit = 8 * time.Second
