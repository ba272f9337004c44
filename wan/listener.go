package wan

import (
	"context"
	"net"
	"sync"
	"time"
)

// Options of a listener or packet connection. The zero value is right for the
// lab.
type Options struct {
	// BytesPerSecond limits each direction of each connection; 0 is unlimited.
	// Packets are not limited.
	BytesPerSecond int64

	// Window is how many bytes may be under way in each direction of a
	// connection before its sender is stopped: 2 MiB where 0. A transfer runs at
	// most at Window per half round trip.
	Window int

	// Wrap also wraps connections whose round trip is zero when they are
	// accepted, so that a delay that begins later, as `fault slow` makes one,
	// reaches them.
	Wrap bool
}

const (
	defaultWindow = 2 << 20
	maxHandshakes = 1024 // connections whose first round trip is not over, as a SYN backlog
)

func (o Options) window() int {
	if o.Window > 0 {
		return o.Window
	}
	return defaultWindow
}

// Listen imposes the round trip delay(remote) on the connections of l. delay is
// asked when a connection is accepted and again for every chunk, so it should
// be quick, and what it answers may change at any time. A nil delay returns l
// itself.
func Listen(l net.Listener, delay func(remote net.Addr) time.Duration, o Options) net.Listener {
	if delay == nil {
		return l
	}
	d := &listener{Listener: l, delay: delay, options: o, bufs: &buffers{}, shaking: map[net.Conn]*time.Timer{}}
	d.changed.L = &d.mu
	go d.run()
	return d
}

type listener struct {
	net.Listener
	delay   func(net.Addr) time.Duration
	options Options
	bufs    *buffers

	mu      sync.Mutex
	changed sync.Cond
	shaking map[net.Conn]*time.Timer // accepted by the kernel, round trip not over
	ready   []net.Conn
	err     error // of the kernel's Accept, not yet returned by ours
	closed  bool
	closing int // connections closed and not yet flushed
}

// Accept returns the next connection whose handshake has had its round trip.
func (l *listener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.ready) == 0 && l.err == nil && !l.closed {
		l.changed.Wait()
	}
	if l.closed {
		return nil, &net.OpError{Op: "accept", Net: l.Addr().Network(), Addr: l.Addr(), Err: net.ErrClosed}
	}
	if len(l.ready) > 0 {
		c := l.ready[0]
		l.ready = l.ready[1:]
		l.changed.Broadcast()
		return l.wrap(c), nil
	}
	err := l.err
	l.err = nil
	l.changed.Broadcast()
	return nil, err
}

// Close stops the listener and drops the connections it has not handed out.
func (l *listener) Close() error {
	err := l.Listener.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for c, t := range l.shaking {
		t.Stop()
		_ = c.Close()
	}
	for _, c := range l.ready {
		_ = c.Close()
	}
	l.shaking, l.ready = nil, nil
	l.changed.Broadcast()
	return err
}

// run accepts from the kernel as fast as connections come, each starting its
// own round trip. An error waits here until Accept has returned it, so that
// who calls Accept decides how long to wait before the next attempt.
func (l *listener) run() {
	for {
		c, err := l.Listener.Accept()
		l.mu.Lock()
		if err != nil {
			l.err = err
			l.changed.Broadcast()
			for l.err != nil && !l.closed {
				l.changed.Wait()
			}
		} else {
			l.admit(c)
			for len(l.shaking)+len(l.ready) >= maxHandshakes && !l.closed {
				l.changed.Wait()
			}
		}
		closed := l.closed
		l.mu.Unlock()
		if closed {
			if err == nil {
				_ = c.Close()
			}
			return
		}
	}
}

func (l *listener) admit(c net.Conn) {
	rtt := l.delay(c.RemoteAddr())
	if l.closed {
		return
	}
	if rtt <= 0 {
		l.ready = append(l.ready, c)
		l.changed.Broadcast()
		return
	}
	l.shaking[c] = time.AfterFunc(rtt, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if _, ok := l.shaking[c]; ok {
			delete(l.shaking, c)
			l.ready = append(l.ready, c)
			l.changed.Broadcast()
		}
	})
}

func (l *listener) wrap(c net.Conn) net.Conn {
	remote := c.RemoteAddr()
	if l.delay(remote) <= 0 && !l.options.Wrap {
		return c
	}
	w := &wrapped{l: l}
	w.conn = newConn(c, l.bufs, l.options, func() time.Duration { return l.delay(remote) / 2 }, w.gone)
	return w
}

// wrapped is a conn that its listener counts while it is being flushed.
type wrapped struct {
	*conn
	l *listener
}

func (w *wrapped) Close() error {
	w.l.count(+1)
	err := w.conn.Close()
	if err != nil {
		w.l.count(-1)
	}
	return err
}

func (w *wrapped) gone() { w.l.count(-1) }

func (l *listener) count(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closing += n
	if l.closing == 0 {
		l.changed.Broadcast()
	}
}

func (l *listener) drain(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.changed.Broadcast()
	})()
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.closing > 0 {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		l.changed.Wait()
	}
	return nil
}

// Drain waits until all that was written before the connections of l were
// closed has been delivered, or ctx ends. l is what Listen or
// NewPacketConn returned; anything else has nothing under way. A program calls it between
// the last Close and its exit.
func Drain(ctx context.Context, l any) error {
	if d, ok := l.(interface{ drain(context.Context) error }); ok {
		return d.drain(ctx)
	}
	return nil
}
