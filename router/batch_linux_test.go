package router

import (
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestBatchDoesNotAllocate: from the socket to the socket, no answer costs memory.
func TestBatchDoesNotAllocate(t *testing.T) {
	r := newRouter(t, withTable(t))
	mark(r)
	c, err := net.Dial("udp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	q := withOptions(question("dall.warmfront.test.", dns.TypeA), subnetOption(1, 24, 0, 203, 0, 113))
	packet, answer := pack(t, q), make([]byte, 1500)
	raw, err := r.udp[0].SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	b := newBatch(raw)
	others := r.udp[1:]
	for _, o := range others { // so that the packets come to this one
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	_ = r.udp[0].SetDeadline(time.Now().Add(20 * time.Second))
	r.udp = r.udp[:1]
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
				b.answer(i, r.respond(b.packets[i][:b.received[i].n], b.from(i).Addr(), UDP, b.buffers[i][:]))
			}
			if err := b.flush(); err != nil {
				t.Fatal(err)
			}
		}
		for range together {
			if n, err := c.Read(answer); err != nil || n < len(packet)+16 {
				t.Fatalf("%d bytes, %v", n, err)
			}
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations for %d answers", allocs, together)
	}
}
