package router

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
)

// mangled is a packet that is not quite a query: some bits turned, cut off, or with
// something behind it, or nothing but chance.
func mangled(rnd *rand.Rand, query []byte) []byte {
	p := bytes.Clone(query)
	switch rnd.IntN(5) {
	case 0:
		p = p[:rnd.IntN(len(p))]
	case 1:
		p = append(p, make([]byte, rnd.IntN(600))...)
	case 2:
		p = make([]byte, rnd.IntN(300))
		for i := range p {
			p[i] = byte(rnd.Uint32())
		}
	case 3: // pointers that lead to themselves, or nowhere
		p = append(append(p[:12:12], 0xc0, byte(rnd.IntN(40))), p[12:]...)
	case 4: // more of everything than is there
		binary.BigEndian.PutUint16(p[4+2*rnd.IntN(4):], uint16(rnd.Uint32()))
	}
	for range rnd.IntN(4) {
		if len(p) > 0 {
			p[rnd.IntN(len(p))] ^= 1 << rnd.IntN(8)
		}
	}
	return p
}

// mangle sends such packets to a router by UDP and by TCP until ctx ends.
func mangle(ctx context.Context, r *Router, seed uint64, query []byte) {
	rnd := rand.New(rand.NewPCG(seed, seed))
	udp, err := net.Dial("udp", r.Addr().String())
	if err != nil {
		return
	}
	defer udp.Close()
	for ctx.Err() == nil {
		for range 200 {
			_, _ = udp.Write(mangled(rnd, query))
		}
		tcp, err := net.DialTimeout("tcp", r.Addr().String(), time.Second)
		if err != nil {
			continue
		}
		p := mangled(rnd, query)
		length := len(p)
		if rnd.IntN(3) == 0 {
			length = rnd.IntN(1 << 16) // which is another than what comes
		}
		_ = tcp.SetDeadline(time.Now().Add(20 * time.Millisecond))
		_, _ = tcp.Write(append(binary.BigEndian.AppendUint16(nil, uint16(length)), p...))
		_, _ = tcp.Read(make([]byte, 512))
		_ = tcp.Close()
	}
}

// TestMalformedFlood: beside packets that are no queries, over real sockets, every good query
// is answered rightly, signed or not, and nothing panics.
func TestMalformedFlood(t *testing.T) {
	keys, reg := keysOf(t, testZone), prometheus.NewRegistry()
	r, _ := serve(t, func(c *Config) { c.Keys, c.Metrics = keys, reg })
	ctx, cancel := context.WithCancel(t.Context())
	var flooding sync.WaitGroup
	query := pack(t, withSubnet(question("dall.warmfront.test.", dns.TypeA), "203.0.113.0"))
	for seed := range uint64(3) {
		flooding.Go(func() { mangle(ctx, r, seed, query) })
	}
	for i := range 60 {
		network := [...]string{"udp", "tcp"}[i%2]
		q := withSubnet(question("dall.warmfront.test.", dns.TypeA), "203.0.113.0")
		q.IsEdns0().SetDo(i%4 < 2)
		var m *dns.Msg
		var err error
		for range 3 { // a datagram may be lost: the kernel's buffer is everybody's
			c := &dns.Client{Net: network, Timeout: 2 * time.Second}
			if m, _, err = c.Exchange(q, r.Addr().String()); err == nil {
				break
			}
		}
		if err != nil || popOf(m) != "NRT" {
			t.Fatalf("query %d by %s: %v %v", i, network, err, m)
		}
		if i%4 < 2 {
			if err := validate(keys, m.Question[0], m, r.cfg.Now()); err != nil {
				t.Error(err)
			}
		}
	}
	cancel()
	flooding.Wait()
	if n := counted(t, reg, "warmfront_dns_dropped_total", "panic"); n != 0 {
		t.Errorf("%v packets made the server panic", n)
	}
	if n := counted(t, reg, "warmfront_dns_queries_total", "FORMERR"); n < 100 {
		t.Errorf("%v were malformed: the test says little", n)
	}
	if made := counted(t, reg, "warmfront_dns_signatures_made_total"); made < 1 {
		t.Errorf("%v signatures are counted", made)
	}
}
