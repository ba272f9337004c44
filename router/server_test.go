package router

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/router/health"
	"github.com/warmfront/warmfront/router/transport"
)

// serve runs a router until the test ends.
func serve(t *testing.T, change func(*Config)) (r *Router, stop func()) {
	t.Helper()
	r = newRouter(t, func(c *Config) {
		// What the tests mark as healthy must stay so: no check succeeds, and there
		// is but one.
		c.Health = health.Settings{Interval: time.Hour, Timeout: time.Second, Down: 3, Up: 2, LeaveHold: time.Second}
		c.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, net.ErrClosed }
		if change != nil {
			change(c)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	t.Cleanup(stop)
	mark(r)
	return r, stop
}

func exchange(t *testing.T, network string, r *Router, q *dns.Msg) *dns.Msg {
	t.Helper()
	c := &dns.Client{Net: network, Timeout: 5 * time.Second}
	m, _, err := c.Exchange(q, r.Addr().String())
	if err != nil {
		t.Fatalf("%s: %v", network, err)
	}
	return m
}

func TestServe(t *testing.T) {
	r, stop := serve(t, nil)
	for _, network := range []string{"udp", "tcp"} {
		m := exchange(t, network, r, withSubnet(question("dall.warmfront.test.", dns.TypeA), "203.0.113.0"))
		if popOf(m) != "NRT" || subnetOf(m).SourceScope != 20 {
			t.Errorf("%s: %v", network, m)
		}
	}
	// What does not fit by UDP is whole by TCP.
	q := question("big.warmfront.test.", dns.TypeTXT)
	if m := exchange(t, "udp", r, q); !m.Truncated || len(m.Answer) != 0 {
		t.Errorf("by UDP: %v", m)
	}
	if m := exchange(t, "tcp", r, q); m.Truncated || len(m.Answer) != 1 {
		t.Errorf("by TCP: %v", m)
	}
	stop()
	if _, err := net.DialTimeout("tcp", r.Addr().String(), time.Second); err == nil {
		t.Error("a router that was stopped accepts connections")
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func withSubnet(q *dns.Msg, ip string) *dns.Msg {
	return withOptions(q, &dns.EDNS0_SUBNET{
		Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: net.ParseIP(ip),
	})
}

// framed puts the length before a message, as TCP has it.
func framed(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

func readFramed(t *testing.T, c net.Conn) *dns.Msg {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		t.Fatal(err)
	}
	return m
}

func dial(t *testing.T, r *Router) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestTCPPipelining: queries sent together, and cut at every byte, are answered in
// their order; a peer that waits for an answer before it sends the rest of the
// next query gets it.
func TestTCPPipelining(t *testing.T) {
	r, _ := serve(t, nil)
	c := dial(t, r)
	const n = 100
	var all []byte
	for i := range n {
		q := question("dall.warmfront.test.", dns.TypeA)
		q.Id = uint16(i)
		all = append(all, framed(pack(t, q))...)
	}
	half := len(all) - 7
	if _, err := c.Write(all[:half]); err != nil {
		t.Fatal(err)
	}
	for i := range n - 1 {
		if m := readFramed(t, c); m.Id != uint16(i) || len(m.Answer) != 1 {
			t.Fatalf("answer %d: %v", i, m)
		}
	}
	for _, b := range all[half:] {
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	if m := readFramed(t, c); m.Id != n-1 {
		t.Errorf("the last: %v", m)
	}
}

// TestTCPDrain: when the server stops, what was sent before is answered, and
// connections at rest end.
func TestTCPDrain(t *testing.T) {
	r, stop := serve(t, nil)
	idle, busy := dial(t, r), dial(t, r)
	q := question("dall.warmfront.test.", dns.TypeA)
	for _, c := range []net.Conn{idle, busy} { // both are accepted
		if _, err := c.Write(framed(pack(t, q))); err != nil {
			t.Fatal(err)
		}
		readFramed(t, c)
	}
	if _, err := busy.Write(bytes.Repeat(framed(pack(t, q)), 50)); err != nil {
		t.Fatal(err)
	}
	from := time.Now()
	stop()
	if took := time.Since(from); took > 3*time.Second {
		t.Errorf("stopping took %v", took)
	}
	for range 50 {
		readFramed(t, busy)
	}
	_ = idle.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := idle.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the connection at rest: %v", err)
	}
}

func TestTCPLimits(t *testing.T) {
	r, _ := serve(t, nil)
	closed := func(c net.Conn) bool {
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		_, err := c.Read(make([]byte, 1))
		ne, timeout := err.(net.Error)
		return err != nil && !(timeout && ne.Timeout())
	}
	huge := dial(t, r)
	if _, err := huge.Write([]byte{0xff, 0xff}); err != nil || !closed(huge) {
		t.Error("a query of 65,535 bytes is waited for")
	}
	answer := dial(t, r)
	if _, err := answer.Write(framed(append([]byte{0, 1, 0x80}, make([]byte, 9)...))); err != nil || !closed(answer) {
		t.Error("a connection that sends answers is kept")
	}
	q := framed(pack(t, question("dall.warmfront.test.", dns.TypeA)))
	for range transport.MaxConnsClient {
		c := dial(t, r)
		if _, err := c.Write(q); err != nil {
			t.Fatal(err)
		}
		readFramed(t, c)
	}
	if !closed(dial(t, r)) {
		t.Errorf("more than %d connections of one address", transport.MaxConnsClient)
	}
}

// TestUDPWildcard: on the wildcard address the answer comes from the address that
// was asked. A connected socket drops any other.
func TestUDPWildcard(t *testing.T) {
	if c, err := net.ListenPacket("udp", "127.0.0.77:0"); err != nil {
		t.Skip("this system has 127.0.0.1 alone")
	} else {
		c.Close()
	}
	for _, listen := range []string{"0.0.0.0:0", ":0"} {
		r, _ := serve(t, func(c *Config) { c.Listen = listen })
		for _, at := range []string{"127.0.0.1", "127.0.0.77"} {
			c := &dns.Client{Timeout: 2 * time.Second}
			to := netip.AddrPortFrom(netip.MustParseAddr(at), r.Addr().Port())
			m, _, err := c.Exchange(question("dall.warmfront.test.", dns.TypeA), to.String())
			if err != nil || popOf(m) == "" {
				t.Errorf("on %s, asked at %s: %v %v", listen, at, err, m)
			}
		}
	}
}

// TestHeld: packets wait while the node is paused, and connections go through what is put
// around the listener.
func TestHeld(t *testing.T) {
	resume := make(chan struct{})
	var held, accepted atomic.Int32
	r, _ := serve(t, func(c *Config) {
		c.Hold = func(done <-chan struct{}) {
			held.Add(1)
			select {
			case <-resume:
			case <-done:
			}
		}
		c.WrapListener = func(l net.Listener) net.Listener { return &countingListener{l, &accepted} }
	})
	answered := make(chan *dns.Msg, 1)
	go func() {
		c := &dns.Client{Net: "udp", Timeout: 20 * time.Second}
		m, _, _ := c.Exchange(question("dall.warmfront.test.", dns.TypeA), r.Addr().String())
		answered <- m
	}()
	for deadline := time.Now().Add(10 * time.Second); held.Load() == 0; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing is held")
		}
	}
	select {
	case m := <-answered:
		t.Errorf("answered while paused: %v", m)
	case <-time.After(50 * time.Millisecond):
	}
	close(resume)
	if m := <-answered; m == nil || len(m.Answer) != 1 {
		t.Errorf("after the pause: %v", m)
	}
	if m := exchange(t, "tcp", r, question("dall.warmfront.test.", dns.TypeA)); len(m.Answer) != 1 || accepted.Load() == 0 {
		t.Errorf("%d connections, %v", accepted.Load(), m)
	}
}

// TestManySenders: many packets at once, over all the sockets there are, are answered
// each to its sender.
func TestManySenders(t *testing.T) {
	r, stop := serve(t, nil)
	const senders, each = 16, 200
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			c, err := net.Dial("udp", r.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			buf := make([]byte, 1500)
			for i := range each {
				q := withSubnet(question("dall.warmfront.test.", dns.TypeA), "203.0.113.0")
				if i%5 == 0 {
					q = question("warmfront.test.", dns.TypeNS) // by way of the library
				}
				q.Id = uint16(s*each + i)
				packet, err := q.Pack()
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = c.Write(packet)
				_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
				n, err := c.Read(buf)
				m := new(dns.Msg)
				if err != nil || m.Unpack(buf[:n]) != nil || m.Id != q.Id || len(m.Answer) == 0 || m.Question[0] != q.Question[0] {
					t.Errorf("sender %d, packet %d: %v %v", s, i, err, m)
					return
				}
			}
		})
	}
	wg.Wait()
	// What had been sent before the end is answered.
	c, err := net.Dial("udp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const last = 50
	for i := range last {
		q := question("dall.warmfront.test.", dns.TypeA)
		q.Id = uint16(i)
		_, _ = c.Write(pack(t, q))
	}
	stop()
	buf := make([]byte, 1500)
	for i := range last {
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Read(buf); err != nil {
			t.Fatalf("%d of %d were answered at the end: %v", i, last, err)
		}
	}
}

type countingListener struct {
	net.Listener
	n *atomic.Int32
}

func (c *countingListener) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.n.Add(1)
	}
	return conn, err
}

// TestEdgesComeAndGo runs real edges: the answer follows what they say of
// themselves.
func TestEdgesComeAndGo(t *testing.T) {
	var nodes []cdn.Node
	sick := map[string]*atomic.Bool{}
	for _, p := range twelve(t) {
		n := edgeOf(p, 1)
		bad := &atomic.Bool{}
		edge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if bad.Load() || req.Host != "health.warmfront.test" {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}))
		t.Cleanup(edge.Close)
		at := netip.MustParseAddrPort(edge.Listener.Addr().String())
		n.Endpoint, n.HTTPPort = at.Addr(), at.Port()
		nodes, sick[p.Code] = append(nodes, n), bad
	}
	s := state(t, distributions(), nodes)
	reg := prometheus.NewRegistry()
	r := newRouter(t, func(c *Config) {
		c.State = func() *cdn.State { return s }
		c.Health = health.Settings{Interval: 20 * time.Millisecond, Timeout: 5 * time.Second, Down: 3, Up: 2, LeaveHold: time.Hour}
		c.Metrics = reg
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	defer func() { cancel(); <-done }()

	tokyo := func() string {
		return popOf(exchange(t, "udp", r, withSubnet(question("dall.warmfront.test.", dns.TypeA), "203.0.113.0")))
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		deadline := time.Now().Add(20 * time.Second)
		for !ok() {
			if time.Now().After(deadline) {
				t.Fatalf("never: %s", what)
			}
			<-time.After(5 * time.Millisecond)
		}
	}
	until("all are healthy", func() bool { return r.edgesUp() == 12 })
	until("Tokyo to its own edge", func() bool { return tokyo() == "NRT" })
	sick["NRT"].Store(true)
	until("Tokyo to Singapore", func() bool { return tokyo() == "SIN" })
	sick["NRT"].Store(false)
	until("Tokyo to its own edge again", func() bool { return tokyo() == "NRT" })
	r.Hint("NRT-1", health.HintLeft)
	if got := tokyo(); got != "SIN" {
		t.Errorf("after a clean leave: %s", got)
	}
	for _, bad := range sick {
		bad.Store(true)
	}
	until("none is healthy", func() bool { return r.edgesUp() == 0 })
	if got := tokyo(); got == "" {
		t.Error("no answer although edges were good before")
	}

	seen := map[string]bool{}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		seen[f.GetName()] = true
	}
	for _, name := range []string{"warmfront_dns_queries_total", "warmfront_dns_answers_total", "warmfront_dns_geo_total", "warmfront_router_edges_up"} {
		if !seen[name] {
			t.Errorf("no metric %s in %v", name, seen)
		}
	}
}

// TestDig asks with the client that people use.
func TestDig(t *testing.T) {
	dig, err := exec.LookPath("dig")
	if err != nil {
		t.Skip("dig is not installed")
	}
	r, _ := serve(t, nil)
	run := func(args ...string) string {
		t.Helper()
		args = append([]string{"@127.0.0.1", "-p", strconv.Itoa(int(r.Addr().Port())), "+time=5", "+tries=1"}, args...)
		out, err := exec.CommandContext(t.Context(), dig, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("dig %v: %v\n%s", args, err, out)
		}
		if strings.Contains(string(out), "WARNING") || strings.Contains(string(out), "Warning") {
			t.Errorf("dig %v warns:\n%s", args, out)
		}
		return string(out)
	}
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"dall.warmfront.test", "+subnet=203.0.113.0/24", "+norec"}, []string{
			"status: NOERROR", "flags: qr aa;", "CLIENT-SUBNET: 203.0.113.0/24/20", "60\tIN\tA\t" + edgeAddr(t, "NRT"), "udp: 1232",
		}},
		{[]string{"dall.warmfront.test", "+subnet=2001:db8::/56", "+norec"}, []string{"CLIENT-SUBNET: 2001:db8::/56/32", edgeAddr(t, "GRU")}},
		{[]string{"dall.warmfront.test", "+subnet=0", "+norec"}, []string{"status: NOERROR", "/0/0"}},
		{[]string{"dall.warmfront.test", "+tcp", "+norec"}, []string{"status: NOERROR", "(TCP)"}},
		{[]string{"-b", viewer(t, "SYD").String(), "dall.warmfront.test", "+norec"}, []string{edgeAddr(t, "SYD")}},
		{[]string{"nope.warmfront.test", "+norec"}, []string{"status: NXDOMAIN", "SOA\tns1.warmfront.test."}},
		{[]string{"example.com", "+norec"}, []string{"status: REFUSED"}},
		{[]string{"warmfront.test", "SOA", "+edns=1", "+noednsneg", "+norec"}, []string{"status: BADVERS"}},
		{[]string{"big.warmfront.test", "TXT", "+norec"}, []string{"Truncated, retrying in TCP mode", "status: NOERROR", "0123456789"}},
		{[]string{"warmfront.test", "+opcode=notify", "+norec", "+noedns"}, []string{"status: NOTIMP"}},
	} {
		out := run(c.args...)
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("dig %v: no %q in\n%s", c.args, want, out)
			}
		}
	}
}
