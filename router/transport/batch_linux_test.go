package transport

import (
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"
)

// echo answers a packet with itself.
func echo(packet []byte, _ netip.AddrPort, _ Proto, buf []byte, _ time.Time) []byte {
	return append(buf[:0], packet...)
}

// TestBatchDoesNotAllocate: from the socket to the socket, no answer costs memory.
func TestBatchDoesNotAllocate(t *testing.T) {
	s, err := Listen(Config{Listen: "127.0.0.1:0", Answer: echo, Now: time.Now, Dropped: func(string) {}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, err := net.Dial("udp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	packet, answer := []byte("some forty bytes, as queries usually are"), make([]byte, 1500)
	raw, err := s.udp[0].SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	b := newBatch(raw)
	if err := closeUDP(s.udp[1:]); err != nil { // so that the packets come to this one
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	_ = s.udp[0].SetDeadline(time.Now().Add(20 * time.Second))
	s.udp = s.udp[:1]
	const together = 10
	allocs := testing.AllocsPerRun(50, func() {
		for range together {
			if _, err := c.Write(packet); err != nil {
				t.Fatal(err)
			}
		}
		for left := together; left > 0; {
			n, err := b.read()
			if err != nil {
				t.Fatal(err)
			}
			left -= n
			for i := range n {
				b.answer(i, echo(b.packets[i][:b.received[i].n], b.from(i), UDP, b.buffers[i][:], time.Time{}))
			}
			if err := b.flush(); err != nil {
				t.Fatal(err)
			}
		}
		for range together {
			if n, err := c.Read(answer); err != nil || n != len(packet) {
				t.Fatalf("%d bytes, %v", n, err)
			}
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations for %d answers", allocs, together)
	}
}
