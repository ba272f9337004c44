package tier

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/tier/tiertest"
)

// scripted is an edge that answers as a test says.
type scripted struct {
	answer    func(ctx context.Context, r *message.Request, a Ask) (*message.Response, Answer)
	delivered atomic.Int32
}

func (s *scripted) Answer(ctx context.Context, r *message.Request, a Ask) (*message.Response, Answer) {
	return s.answer(ctx, r, a)
}
func (s *scripted) Delivered(message.Delivery) { s.delivered.Add(1) }

// pair is a node that asks and one that answers.
type pair struct {
	t        *testing.T
	asker    *Tiers
	answerer *Tiers
	tier     Tier
	core     *scripted
	applied  atomic.Pointer[cdn.Version]
}

const patience = 200 * time.Millisecond

func newPair(t *testing.T, answer func(ctx context.Context, r *message.Request, a Ask) (*message.Response, Answer)) *pair {
	t.Helper()
	p := &pair{t: t, core: &scripted{answer: answer}}
	p.apply(cdn.Version{Epoch: 1, Number: 10})
	authority := tiertest.New(t)
	p.asker, p.answerer = p.node("FRA-1", authority), p.node("FRA-2", authority)
	p.tier = p.at("FRA-2", p.answerer.Addr())
	return p
}

func (p *pair) node(id string, authority *tiertest.Authority) *Tiers {
	p.t.Helper()
	n, err := New(Config{
		Addr: "127.0.0.1:0", Identity: authority.Identity(id), Patience: patience, Self: cdn.Node{ID: id, POP: "FRA"},
		NewExchange: func() Exchange { return p.core }, Applied: func() cdn.Version { return *p.applied.Load() },
		Draining: func() bool { return false }, Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	go func() { _ = n.Serve() }()
	p.t.Cleanup(func() { _ = n.Close() })
	return n
}

func (p *pair) at(id string, a net.Addr) Tier {
	ap := netip.MustParseAddrPort(a.String())
	return Tier{Peer, cdn.Node{ID: id, POP: "FRA", Role: cdn.RoleEdge, Addr: ap.Addr(), PeerPort: ap.Port()}}
}

func (p *pair) apply(v cdn.Version) { p.applied.Store(&v) }

func (p *pair) ask() Ask {
	a := anAsk()
	a.Level, a.Least, a.Timeout = Peer, cdn.Version{Epoch: 1, Number: 5}, 5*time.Second
	return a
}

func (p *pair) do(a Ask, to ...Tier) (string, Answer, error) {
	r := &message.Request{Method: "GET", Scheme: "https", Host: "de1.warmfront.test", Path: "/a b", Query: "c=d"}
	r.Path = "/a%20b"
	r.Header.Add("Accept-Encoding", "br")
	resp, answer, err := p.asker.Do(p.t.Context(), append([]Tier{p.tier}, to...), a, r)
	if err != nil {
		return "", answer, err
	}
	defer resp.Close()
	for _, f := range resp.Header {
		if Own(f.Name) {
			p.t.Errorf("the asker was given %s: %s", f.Name, f.Value)
		}
	}
	b, err := io.ReadAll(resp.Body)
	return string(b), answer, err
}

func body(status int, s string) *message.Response {
	return &message.Response{Status: status, Length: int64(len(s)), Body: io.NopCloser(strings.NewReader(s))}
}

var born = cdn.Version{Epoch: 1, Number: 7}

func ok(_ context.Context, r *message.Request, _ Ask) (*message.Response, Answer) {
	return body(200, r.URI()), Answer{Birth: born}
}

func why(err error) string {
	var p *PassedOver
	if errors.As(err, &p) {
		return p.Why
	}
	return fmt.Sprint("not passed over: ", err)
}

// counted is how often a tier was asked with that outcome.
func (p *pair) counted(level, outcome string) (n float64) {
	families, err := p.asker.cfg.Registry.Gather()
	if err != nil {
		p.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if l := m.GetLabel(); len(l) == 2 && l[0].GetValue() == level && l[1].GetValue() == outcome {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}

func (p *pair) until(what string, holds func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("%s: not within 10 s", what)
		}
	}
}

func TestATierAnswersAsIfTheViewerHadAskedThere(t *testing.T) {
	want := (&pair{}).ask()
	p := newPair(t, func(_ context.Context, r *message.Request, a Ask) (*message.Response, Answer) {
		a.Timeout = want.Timeout
		if a != want {
			t.Errorf("asked %+v, want %+v", a, want)
		}
		if r.Viewer != want.Viewer || r.Scheme != "https" || r.Major != 2 || r.Minor != 0 || r.Host != "de1.warmfront.test" || r.ServerName != "" || r.URI() != "/a%20b?c=d" {
			t.Errorf("the viewer's request is %+v", r)
		}
		if len(r.Header) != 1 || r.Header.Get("Accept-Encoding") != "br" {
			t.Errorf("its header is %v", r.Header)
		}
		resp := body(200, "hello")
		resp.Header = message.Header{{Name: "ETag", Value: `"x"`}, {Name: "Warmfront-Birth", Value: "1.9"}} // as of an origin that forges it
		return resp, Answer{Birth: born, Compressed: true, OriginTag: `"o"`}
	})
	for range 3 {
		got, answer, err := p.do(want)
		if err != nil || got != "hello" || answer != (Answer{Birth: born, Compressed: true, OriginTag: `"o"`}) {
			t.Errorf("%q, %+v, %v", got, answer, err)
		}
	}
	p.until("three answers are delivered", func() bool { return p.core.delivered.Load() == 3 })
	if n := p.counted("peer", "answered"); n != 3 {
		t.Errorf("%v are counted", n)
	}
}

// TestATierThatLagsIsWaitedForAMoment, then passed over, then left alone.
func TestATierThatLagsIsWaitedForAMoment(t *testing.T) {
	p := newPair(t, ok)
	a := p.ask()
	a.Least.Number = 11
	time.AfterFunc(50*time.Millisecond, func() { p.apply(cdn.Version{Epoch: 1, Number: 11}) })
	if _, _, err := p.do(a); err != nil {
		t.Errorf("it caught up within 50 ms: %v", err)
	}
	a.Least.Number = 12
	if _, _, err := p.do(a); why(err) != Lagging {
		t.Errorf("it has not applied what is needed: %v", err)
	}
	if _, _, err := p.do(p.ask()); why(err) != "resting" {
		t.Errorf("at once again: %v", err)
	}
	p.until("it is asked again", func() bool { _, _, err := p.do(p.ask()); return err == nil })
}

func TestATierOfAnotherEpochIsPassedOver(t *testing.T) {
	p := newPair(t, ok)
	a := p.ask()
	a.Least, a.Newest = cdn.Version{Epoch: 2}, cdn.Version{}
	p.apply(cdn.Version{Epoch: 1, Number: 100})
	if _, _, err := p.do(a); why(err) != Lagging {
		t.Errorf("it counts in an older epoch: %v", err)
	}
	p.until("it is asked again", func() bool { return p.asker.client.up("FRA-2") })
	p.apply(cdn.Version{Epoch: 3, Number: 1})
	if _, _, err := p.do(a); why(err) != Lagging {
		t.Errorf("it counts in a newer epoch: %v", err)
	}
	p.until("it is asked again", func() bool { return p.asker.client.up("FRA-2") })
	p.apply(cdn.Version{Epoch: 2, Number: 1})
	if _, _, err := p.do(a); why(err) != "older" {
		t.Errorf("what it answers was born in an older epoch: %v", err)
	}
	a.Least, a.Newest = born, cdn.Version{Epoch: 1, Number: 8}
	p.apply(cdn.Version{Epoch: 1, Number: 100})
	if _, _, err := p.do(a); why(err) != "older" {
		t.Errorf("what it answers was born before the newest invalidation: %v", err)
	}
}

func TestFailuresOfTheOriginAreHandedOn(t *testing.T) {
	p := newPair(t, func(context.Context, *message.Request, Ask) (*message.Response, Answer) {
		return body(504, ""), Answer{Failed: "The origin did not answer in time."}
	})
	_, _, err := p.do(p.ask())
	var f *Failure
	if !errors.As(err, &f) || f.Status() != 504 || f.Sentence() != "The origin did not answer in time." {
		t.Errorf("%v", err)
	}
	p.core.answer = func(context.Context, *message.Request, Ask) (*message.Response, Answer) { return Pass(Unknown) }
	if _, _, err := p.do(p.ask()); why(err) != Unknown {
		t.Errorf("%v", err)
	}
	if !p.asker.client.up("FRA-2") {
		t.Error("the tier rests for what is no fault of its own")
	}
}

func TestATierThatIsDownIsPassedOverForTheNext(t *testing.T) {
	p := newPair(t, ok)
	down, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	up := p.tier
	up.Level = Regional
	p.tier = p.at("FRA-3", down.Addr())
	_ = down.Close()
	if got, _, err := p.do(p.ask(), up); err != nil || got == "" {
		t.Errorf("%q, %v", got, err)
	}
	if p.asker.client.up("FRA-3") {
		t.Error("what is down is not left alone")
	}
	if p.counted("peer", "unreachable") != 1 || p.counted("regional", "answered") != 1 {
		t.Error("it is not counted which answered and which did not")
	}
}

// TestASilentTierIsPassedOver: one that stands still, as a process that was stopped,
// accepts connections and says nothing; one that works says so and is waited for.
func TestASilentTierIsPassedOver(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	release := make(chan struct{})
	p := newPair(t, func(_ context.Context, r *message.Request, _ Ask) (*message.Response, Answer) {
		r.Interim(103, message.Header{{Name: "Link", Value: "</a>"}})
		<-release
		return body(200, "late"), Answer{Birth: born}
	})
	begun := time.Now()
	silent := p.tier
	silent.Node.ID = "FRA-3"
	silent.Node.PeerPort = netip.MustParseAddrPort(ln.Addr().String()).Port()
	if _, _, err := p.asker.client.ask(t.Context(), silent, p.ask(), &message.Request{Method: "GET", Host: "h", Path: "/"}); why(err) != "silent" {
		t.Errorf("%v", err)
	}
	if took := time.Since(begun); took > 10*patience {
		t.Errorf("it took %v", took)
	}
	if p.asker.client.up("FRA-3") {
		t.Error("it is not left alone")
	}
	// Longer than the asker's patience, and at last an answer.
	time.AfterFunc(3*patience, func() { close(release) })
	var hints atomic.Int32
	r := &message.Request{Method: "GET", Host: "h", Path: "/", Interim: func(status int, _ message.Header) {
		if status == 103 {
			hints.Add(1)
		} else {
			t.Errorf("the viewer gets a %d", status)
		}
	}}
	resp, _, err := p.asker.Do(t.Context(), []Tier{p.tier}, p.ask(), r)
	if err != nil {
		t.Fatalf("a tier that works was not waited for: %v", err)
	}
	if b, err := io.ReadAll(resp.Body); string(b) != "late" || err != nil || hints.Load() != 1 {
		t.Errorf("%q, %v, %d hints", b, err, hints.Load())
	}
	resp.Close()
}

// TestATierThatStopsInTheMiddle: the body ends in an error, never as if it were
// whole; whoever waits for the header goes on to the next.
func TestATierThatStopsInTheMiddle(t *testing.T) {
	asked := make(chan struct{}, 1)
	p := newPair(t, func(ctx context.Context, r *message.Request, _ Ask) (*message.Response, Answer) {
		if r.Path == "/a%20b" {
			asked <- struct{}{}
			<-ctx.Done()
			return body(200, ""), Answer{Birth: born}
		}
		from, to := io.Pipe()
		go func() {
			_, _ = to.Write([]byte("half"))
			asked <- struct{}{}
		}()
		return &message.Response{Status: 200, Length: -1, Body: from, Live: true}, Answer{Birth: born}
	})
	resp, _, err := p.asker.Do(t.Context(), []Tier{p.tier}, p.ask(), &message.Request{Method: "GET", Host: "h", Path: "/stream"})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Close()
	<-asked
	header := make(chan error, 1)
	go func() { _, _, err := p.do(p.ask()); header <- err }()
	<-asked
	_ = p.answerer.Close()
	if b, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("%q was taken for the whole", b)
	}
	if err := <-header; why(err) != "unreachable" {
		t.Errorf("%v", err)
	}
}

// TestOnlyEdgesOfTheNetworkAreAnswered: the connection has to prove who asks.
func TestOnlyEdgesOfTheNetworkAreAnswered(t *testing.T) {
	p := newPair(t, ok)
	address := p.answerer.Addr().String()
	stranger := tiertest.New(t).Identity("FRA-1")
	for name, cfg := range map[string]*tls.Config{
		"without a certificate": {InsecureSkipVerify: true},
		"of another authority": {InsecureSkipVerify: true, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &stranger.Accept().Certificates[0], nil
		}},
	} {
		c, err := tls.Dial("tcp", address, cfg)
		if err != nil {
			continue
		}
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil { // TLS 1.3 tells it with the first read
			t.Errorf("%s it was answered %d", name, resp.StatusCode)
		}
		_ = c.Close()
	}
	p.answerer.cfg.Identity.(*tiertest.Identity).Edge = func(id string) bool { return id != "FRA-1" }
	if _, _, err := p.do(p.ask()); why(err) != "unreachable" {
		t.Errorf("a node that is not registered: %v", err)
	}
	// And who answers is the node that was meant.
	q := newPair(t, ok)
	q.tier.Node.ID = "FRA-3"
	if _, _, err := q.do(q.ask()); why(err) != "unreachable" {
		t.Errorf("another node answered: %v", err)
	}
}

// TestWhatIsNotAskedByTheProtocolIsNotAnswered although a node asks it.
func TestWhatIsNotAskedByTheProtocolIsNotAnswered(t *testing.T) {
	p := newPair(t, ok)
	cfg, _ := p.asker.cfg.Identity.Dial("FRA-2")
	c, err := tls.Dial("tcp", p.answerer.Addr().String(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\nWarmfront-Level: peer\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != 503 || resp.Header.Get("Warmfront-Passed") != malformed {
		t.Errorf("%v, %v", resp, err)
	}
}

// TestRequestsGoUpOnly: what came from a peer is asked of no peer.
func TestRequestsGoUpOnly(t *testing.T) {
	p := newPair(t, ok)
	p.asker.cfg.Route = func(Asking) []Tier { return []Tier{{Level: Peer}, {Level: Regional}, {Level: Shield}} }
	for from, want := range map[Level]int{Viewer: 3, Peer: 2, Regional: 1, Shield: 0} {
		if got := p.asker.Above(from, nil, nil, nil, "key"); len(got) != want {
			t.Errorf("from a %v: %v", from, got)
		}
	}
	var none *Tiers
	if none.Above(Viewer, nil, nil, nil, "key") != nil {
		t.Error("an edge alone asks somebody")
	}
}
