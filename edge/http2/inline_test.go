package http2

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// sink is a connection whose viewer takes everything at once.
type sink struct {
	net.Conn
	writes, bytes int
}

func (s *sink) Write(p []byte) (int, error) {
	s.writes++
	s.bytes += len(p)
	return len(p), nil
}

func (s *sink) SetWriteDeadline(time.Time) error { return nil }
func (s *sink) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5} }

// inlined is a connection on which a request for a hit costs what it always does.
func inlined(t testing.TB) (c *conn, s *sink, ask func()) {
	data := []byte("0123456789")
	resp, body := hit(string(data)), &whole{}
	server := New(Config{NewExchange: func() Exchange {
		return readyCore{core{handle: func(context.Context, *message.Request) *message.Response {
			body.rest = data
			resp.Body = body
			return resp
		}}, func(*message.Request) bool { return true }}
	}})
	s = &sink{}
	c = newConn(context.Background(), server, s, nil)
	c.settled = true
	block := []byte{0x82, 0x86, 0x84, 0x41, 6, 'a', '.', 't', 'e', 's', 't'}
	again := []byte{0x82, 0x86, 0x84, 0xbe} // all of it is in the tables by then
	ask = func() {
		c.window = defaultWindow
		f := frame{length: len(block), kind: frameHeaders, flags: flagEndHeaders | flagEndStream, stream: c.lastID | 1}
		if c.lastID > 0 {
			f.stream = c.lastID + 2
			block = again
		}
		if err := c.take(f, block); err != nil {
			t.Fatal(err)
		}
	}
	for range 200 { // pools and tables are as full as they get
		ask()
	}
	if err := c.flush(); err != nil {
		t.Fatal(err)
	}
	return c, s, ask
}

func TestHitsOfABatchAreOneWriteWithoutAllocation(t *testing.T) {
	c, s, ask := inlined(t)
	s.writes = 0
	for range 20 {
		ask()
	}
	if err := c.flush(); err != nil || s.writes != 1 || len(c.answered) > 0 {
		t.Errorf("%d writes, %d not reported, %v", s.writes, len(c.answered), err)
	}
	allocs := testing.AllocsPerRun(500, func() {
		for range 10 {
			ask()
		}
		_ = c.flush()
	})
	// With the race detector pools forget at random; one a request would make ten.
	if allocs > 3 {
		t.Errorf("%v allocations in ten answers", allocs)
	}
}

func BenchmarkHit(b *testing.B) {
	c, _, ask := inlined(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if ask(); i%10 == 0 {
			_ = c.flush()
		}
	}
}
