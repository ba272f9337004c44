package wan

import (
	"container/heap"
	"context"
	"net"
	"os"
	"sync"
	"time"
)

// maxPackets bounds each direction of a packet connection; what comes on top
// is dropped, as a full queue drops it.
const maxPackets = 8192

// NewPacketConn imposes half of delay(remote) on each packet of inner, in each
// direction. Packets of one peer keep their order while its delay does not
// change; those of different peers do not wait for one another. A nil delay
// returns inner itself.
//
// Close drops what is under way and frees the address at once, because whoever
// closes a packet socket may bind it again; Drain first where that matters.
func NewPacketConn(inner net.PacketConn, delay func(remote net.Addr) time.Duration) net.PacketConn {
	if delay == nil {
		return inner
	}
	p := &packetConn{PacketConn: inner, delay: delay}
	p.in.changed.L, p.out.changed.L = &p.in.mu, &p.out.mu
	p.in.due, p.out.due = p.in.changed.Broadcast, p.flush
	go p.pump()
	return p
}

type packetConn struct {
	net.PacketConn
	delay   func(net.Addr) time.Duration
	in, out packetQueue
}

// ReadFrom returns the packet that was due first, and waits for one.
func (p *packetConn) ReadFrom(b []byte) (int, net.Addr, error) {
	q := &p.in
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		switch {
		case q.closed:
			return 0, nil, p.opError(net.ErrClosed)
		case q.readBy.passed():
			return 0, nil, p.opError(os.ErrDeadlineExceeded)
		}
		if pkt, ok := q.pop(); ok {
			if len(q.heap) == 0 {
				q.changed.Broadcast() // pump may wait for its error to be read
			}
			if pkt.err != nil {
				return 0, nil, pkt.err
			}
			return copy(b, pkt.data), pkt.addr, nil
		}
		q.arm()
		q.changed.Wait()
	}
}

// WriteTo puts the packet on its way and returns. It reports no error of the
// network: by the time there is one, the caller has gone on.
func (p *packetConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	delay := p.delay(addr) / 2
	if delay <= 0 {
		return p.PacketConn.WriteTo(b, addr)
	}
	q := &p.out
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return 0, p.opError(net.ErrClosed)
	}
	q.push(packet{due: time.Now().Add(delay), addr: addr, data: append([]byte(nil), b...)})
	q.arm()
	return len(b), nil
}

func (p *packetConn) Close() error {
	p.in.close()
	p.out.close()
	return p.PacketConn.Close()
}

func (p *packetConn) SetDeadline(t time.Time) error      { return p.SetReadDeadline(t) }
func (p *packetConn) SetWriteDeadline(_ time.Time) error { return nil } // WriteTo never waits

func (p *packetConn) SetReadDeadline(t time.Time) error {
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	p.in.readBy.set(t, &p.in.mu, &p.in.changed)
	return nil
}

// SetReadBuffer and SetWriteBuffer reach the socket; QUIC asks for them.
func (p *packetConn) SetReadBuffer(bytes int) error {
	if s, ok := p.PacketConn.(interface{ SetReadBuffer(int) error }); ok {
		return s.SetReadBuffer(bytes)
	}
	return nil
}

func (p *packetConn) SetWriteBuffer(bytes int) error {
	if s, ok := p.PacketConn.(interface{ SetWriteBuffer(int) error }); ok {
		return s.SetWriteBuffer(bytes)
	}
	return nil
}

func (p *packetConn) pump() {
	scratch := make([]byte, 64<<10)
	for {
		n, addr, err := p.PacketConn.ReadFrom(scratch)
		now := time.Now()
		pkt := packet{due: now, err: err}
		if err == nil {
			pkt = packet{due: now.Add(p.delay(addr) / 2), addr: addr, data: append([]byte(nil), scratch[:n]...)}
		}
		q := &p.in
		q.mu.Lock()
		q.push(pkt)
		q.arm()
		for err != nil && len(q.heap) > 0 && !q.closed {
			q.changed.Wait() // one error at a time, and only as fast as they are read
		}
		closed := q.closed
		q.mu.Unlock()
		if closed {
			return
		}
	}
}

// flush runs with out.mu held, when the timer has fired, and gives it up while
// it writes. One at a time: two would overtake each other.
func (p *packetConn) flush() {
	q := &p.out
	if q.flushing {
		return
	}
	q.flushing = true
	for {
		pkt, ok := q.pop()
		if !ok {
			break
		}
		q.mu.Unlock()
		_, _ = p.PacketConn.WriteTo(pkt.data, pkt.addr)
		q.mu.Lock()
	}
	q.flushing = false
	q.arm()
	q.changed.Broadcast()
}

func (p *packetConn) drain(ctx context.Context) error {
	q := &p.out
	defer context.AfterFunc(ctx, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.changed.Broadcast()
	})()
	q.mu.Lock()
	defer q.mu.Unlock()
	for (len(q.heap) > 0 || q.flushing) && !q.closed {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		q.changed.Wait()
	}
	return nil
}

func (p *packetConn) opError(err error) error {
	return &net.OpError{Op: "read", Net: "udp", Addr: p.LocalAddr(), Err: err}
}

type packet struct {
	due  time.Time
	seq  uint64 // keeps the order of packets due at the same instant
	addr net.Addr
	data []byte
	err  error
}

// packetQueue holds packets by due time. due runs on the timer's goroutine,
// with mu held, once the first of them may be.
type packetQueue struct {
	due func()

	mu       sync.Mutex
	changed  sync.Cond
	heap     packetHeap
	flushing bool
	seq      uint64
	closed   bool
	readBy   deadline
	timer    *time.Timer
	timerFor time.Time // zero: not armed
}

func (q *packetQueue) push(p packet) {
	if q.closed || len(q.heap) >= maxPackets {
		return
	}
	q.seq++
	p.seq = q.seq
	heap.Push(&q.heap, p)
}

func (q *packetQueue) pop() (packet, bool) {
	if len(q.heap) == 0 || q.heap[0].due.After(time.Now()) {
		return packet{}, false
	}
	return heap.Pop(&q.heap).(packet), true
}

// arm sets the timer for the first packet; another may since have come before
// the one it is set for.
func (q *packetQueue) arm() {
	if len(q.heap) == 0 || q.closed {
		return
	}
	first := q.heap[0].due
	if !q.timerFor.IsZero() && !first.Before(q.timerFor) {
		return
	}
	q.timerFor = first
	wait := max(0, time.Until(first))
	if q.timer == nil {
		q.timer = time.AfterFunc(wait, q.fire)
		return
	}
	q.timer.Reset(wait)
}

func (q *packetQueue) fire() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.timerFor = time.Time{}
	q.due()
}

func (q *packetQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.heap = nil
	q.readBy.stop()
	if q.timer != nil {
		q.timer.Stop()
	}
	q.changed.Broadcast()
}

type packetHeap []packet

func (h packetHeap) Len() int { return len(h) }
func (h packetHeap) Less(i, j int) bool {
	if h[i].due.Equal(h[j].due) {
		return h[i].seq < h[j].seq
	}
	return h[i].due.Before(h[j].due)
}
func (h packetHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *packetHeap) Push(x any)   { *h = append(*h, x.(packet)) }
func (h *packetHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = packet{}
	*h = old[:len(old)-1]
	return last
}
