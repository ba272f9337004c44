package roundtrip

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
)

func start() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// TestEachHasItsTurn: new ones first, then the one measured longest ago, at a bounded rate.
func TestEachHasItsTurn(t *testing.T) {
	for _, n := range []int{1, 11, 102, 400} {
		var pops []string
		for i := range n {
			pops = append(pops, fmt.Sprintf("P%03d", i))
		}
		var table Table
		table.Know(pops)
		now, last, count := start(), map[string]time.Time{}, 0
		measured := min(n, most)
		for end := now.Add(time.Hour); now.Before(end); {
			pop, tries, wait := table.Due(now)
			if pop == "" {
				if wait <= 0 || wait > pauseMost {
					t.Fatalf("nothing is due for %v", wait)
				}
				now = now.Add(wait)
				continue
			}
			if count < measured && tries != 0 {
				t.Fatalf("%s is measured again before others are for the first time", pop)
			}
			if was, ok := last[pop]; ok && now.Sub(was) > max(allWithin, time.Duration(measured)*pauseLeast) {
				t.Fatalf("%s waited for %v", pop, now.Sub(was))
			}
			last[pop] = now
			count++
		}
		if len(last) != measured || count > int(time.Hour/pauseNew) {
			t.Errorf("of %d POPs %d were measured, in %d measurements", n, len(last), count)
		}
	}
	var none Table
	if pop, _, wait := none.Due(start()); pop != "" || wait != pauseNew {
		t.Errorf("of no POPs: %q, %v", pop, wait)
	}
}

func TestAverage(t *testing.T) {
	ms := time.Millisecond
	now := start()
	var table Table
	table.Know([]string{"SIN", "SYD"})
	for _, c := range []struct{ took, want time.Duration }{
		{100 * ms, 100 * ms}, {60 * ms, 80 * ms}, {160 * ms, 100 * ms}, {0, 100 * ms}, {-1, 100 * ms},
	} {
		now = now.Add(time.Minute)
		table.Measured("SIN", c.took, now)
		if got := table.Report(now); len(got) != 1 || got[0].POP != "SIN" || got[0].Time != c.want {
			t.Errorf("after %v: %v, want %v", c.took, got, c.want)
		}
	}
	table.Measured("XXX", ms, now)
	table.Measured("SYD", 9*ms, now)
	table.Know([]string{"SYD", "SIN"})
	if got := table.Report(now.Add(3 * time.Minute)); len(got) != 2 || got[0].POP != "SIN" {
		t.Errorf("%v", got)
	}
	if got := table.Report(now.Add(time.Hour)); len(got) != 0 {
		t.Errorf("an hour later: %v", got)
	}
	table.Measured("SIN", 7*ms, now.Add(time.Hour)) // what was long ago does not count
	if got := table.Report(now.Add(time.Hour)); len(got) != 1 || got[0].Time != 7*ms {
		t.Errorf("%v", got)
	}
	table.Know(nil)
	if got := table.Report(now); len(got) != 0 {
		t.Errorf("no POP is there: %v", got)
	}
}

// certificate is any that TLS takes.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// slow delivers what is read later.
type slow struct {
	net.Conn
	by time.Duration
}

func (s slow) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	<-time.After(s.by)
	return n, err
}

// TestMeasure calls a node over real sockets, each read of which takes a while.
func TestMeasure(t *testing.T) {
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate(t)}, NextProtos: []string{Protocol, "http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				if secure := c.(*tls.Conn); secure.Handshake() == nil {
					Serve(t.Context(), secure)
				}
			}()
		}
	}()
	at := netip.MustParseAddrPort(l.Addr().String())
	node := func(id, pop string, role cdn.Role) cdn.Node {
		return cdn.Node{ID: id, POP: pop, K: 1, Role: role, Addr: at.Addr(), PeerPort: at.Port()}
	}
	nodes := map[string]cdn.Node{
		"SIN-1": node("SIN-1", "SIN", cdn.RoleEdge), "NRT-1": node("NRT-1", "NRT", cdn.RoleEdge), "SYD-1": node("SYD-1", "SYD", cdn.RoleEdge), "router-1": node("router-1", "", cdn.RoleRouter),
	}
	const delay = 30 * time.Millisecond
	p := New(Config{
		POP: "NRT", Nodes: func() map[string]cdn.Node { return nodes }, Up: func(id string) bool { return id != "SYD-1" }, Logger: slog.New(slog.DiscardHandler),
		Identity: func(string) (*tls.Config, error) { return &tls.Config{InsecureSkipVerify: true}, nil }, //nolint:gosec // who the other is does not matter here
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			return slow{c, delay}, err
		},
	})
	p.next(t.Context())
	got := p.RoundTrips()
	if len(got) != 1 || got[0].POP != "SIN" || got[0].Time < delay || got[0].Time > 20*delay {
		t.Errorf("measured %v, want SIN alone at %v", got, delay)
	}
	if _, err := p.measure(t.Context(), cdn.Node{ID: "SIN-1", Addr: at.Addr(), PeerPort: 1}); err == nil {
		t.Error("nobody is there, and it was measured")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	p.Run(ended)
}

// TestServeIsBounded: a caller that sends more than a measurement does is sent no more.
func TestServeIsBounded(t *testing.T) {
	near, far := net.Pipe()
	server := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{certificate(t)}})
	go Serve(t.Context(), server)
	c := tls.Client(near, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // who the other is does not matter here
	_ = c.SetDeadline(time.Now().Add(time.Second))
	got := 0
	for b := []byte{1}; got < 100; got++ {
		if _, err := c.Write(b); err != nil {
			break
		}
		if _, err := c.Read(b); err != nil {
			break
		}
	}
	if got != pings {
		t.Errorf("%d bytes came back", got)
	}
}
