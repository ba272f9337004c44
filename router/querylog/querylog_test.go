package querylog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	dnstap "github.com/dnstap/golang-dnstap"
	framestream "github.com/farsightsec/golang-framestream"
	"github.com/miekg/dns"
	"google.golang.org/protobuf/proto"
)

var testTime = time.Date(2026, 3, 4, 5, 6, 7, 89e6, time.UTC)

// exchange is a query with a client subnet and its answer.
func exchange(t testing.TB, id uint16) Exchange {
	t.Helper()
	q := new(dns.Msg).SetQuestion("D1.warmfront.test.", dns.TypeA).SetEdns0(1232, true)
	q.Id = id
	subnet := &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: net.IPv4(203, 0, 113, 0).To4()}
	q.IsEdns0().Option = []dns.EDNS0{subnet}
	a := new(dns.Msg).SetReply(q)
	rr, err := dns.NewRR("D1.warmfront.test. 60 A 127.86.0.1")
	if err != nil {
		t.Fatal(err)
	}
	scoped := *subnet
	scoped.SourceScope = 20
	a.SetEdns0(1232, true).IsEdns0().Option = []dns.EDNS0{&scoped}
	a.Answer = []dns.RR{rr}
	x := Exchange{
		Router: "router-1", From: netip.MustParseAddrPort("127.0.0.1:5353"), Received: testTime, Sent: testTime.Add(37 * time.Microsecond),
		POP: "FRA", Distribution: "E1", Geo: "subnet",
	}
	if x.Query, err = q.Pack(); err != nil {
		t.Fatal(err)
	}
	if x.Answer, err = a.Pack(); err != nil {
		t.Fatal(err)
	}
	return x
}

func open(t testing.TB, cfg Config) *Log {
	t.Helper()
	if cfg.Sample == 0 {
		cfg.Sample = 1
	}
	cfg.Version = "Warmfront test"
	l, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// few are an exchange, one by TCP over IPv6 without an answer, and one that cannot be read.
func few(t testing.TB) []Exchange {
	unanswered, broken := exchange(t, 2), exchange(t, 3)
	unanswered.Answer, unanswered.From, unanswered.TCP, unanswered.POP, unanswered.Distribution, unanswered.Geo = nil, netip.MustParseAddrPort("[2001:db8::1]:53"), true, "", "", ""
	broken = Exchange{Router: "router-2", From: broken.From, Query: []byte{1, 2, 3}, Received: testTime, Sent: testTime}
	return []Exchange{exchange(t, 1), unanswered, broken}
}

func TestText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queries.log")
	l := open(t, Config{File: path})
	for _, x := range few(t) {
		if !l.Add(&x) {
			t.Fatal("dropped")
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := "2026-03-04T05:06:07.089Z router-1 127.0.0.1:5353 udp D1.warmfront.test. A NOERROR answers=1 bytes=90 us=37 pop=FRA distribution=E1 geo=subnet subnet=203.0.113.0/24 scope=20 do\n" +
		"2026-03-04T05:06:07.089Z router-1 [2001:db8::1]:53 tcp D1.warmfront.test. A none answers=0 bytes=0 us=37 subnet=203.0.113.0/24 scope=0 do\n" +
		"2026-03-04T05:06:07.089Z router-2 127.0.0.1:5353 udp - - none answers=0 bytes=0 us=0\n"
	if string(text) != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

func TestJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queries.jsonl")
	l := open(t, Config{File: path})
	for _, x := range few(t) {
		l.Add(&x)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got Line
	if err := json.Unmarshal(bytes.Split(text, []byte("\n"))[0], &got); err != nil {
		t.Fatal(err)
	}
	x := exchange(t, 1)
	if want := line(&x); got != want || got.Scope != 20 || got.Name != "D1.warmfront.test." {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if n := bytes.Count(text, []byte("\n")); n != 3 {
		t.Errorf("%d lines", n)
	}
}

// checkFrames holds what a dnstap decoder reads against what was added.
func checkFrames(t *testing.T, frames [][]byte, want []Exchange) {
	t.Helper()
	next := func(kind dnstap.Message_Type) *dnstap.Message {
		if len(frames) == 0 {
			t.Fatalf("no more frames: want %v", kind)
		}
		var d dnstap.Dnstap
		if err := proto.Unmarshal(frames[0], &d); err != nil {
			t.Fatal(err)
		}
		frames = frames[1:]
		if d.GetType() != dnstap.Dnstap_MESSAGE || d.GetMessage().GetType() != kind || string(d.GetVersion()) != "Warmfront test" || !strings.HasPrefix(string(d.GetIdentity()), "router-") {
			t.Fatalf("%v, want %v", &d, kind)
		}
		return d.GetMessage()
	}
	for _, x := range want {
		m := next(dnstap.Message_AUTH_QUERY)
		from, _ := netip.AddrFromSlice(m.GetQueryAddress())
		if !bytes.Equal(m.GetQueryMessage(), x.Query) || netip.AddrPortFrom(from, uint16(m.GetQueryPort())) != x.From ||
			(m.GetSocketProtocol() == dnstap.SocketProtocol_TCP) != x.TCP || (m.GetSocketFamily() == dnstap.SocketFamily_INET6) != x.From.Addr().Is6() ||
			!time.Unix(int64(m.GetQueryTimeSec()), int64(m.GetQueryTimeNsec())).Equal(x.Received) {
			t.Errorf("%v, want %v", m, x)
		}
		if x.Answer == nil {
			continue
		}
		m = next(dnstap.Message_AUTH_RESPONSE)
		if !bytes.Equal(m.GetResponseMessage(), x.Answer) || !time.Unix(int64(m.GetResponseTimeSec()), int64(m.GetResponseTimeNsec())).Equal(x.Sent) {
			t.Errorf("%v, want %v", m, x)
		}
	}
	if len(frames) > 0 {
		t.Errorf("%d frames more", len(frames))
	}
}

func decode(t *testing.T, path string) (frames [][]byte) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := framestream.NewDecoder(f, &framestream.DecoderOptions{ContentType: dnstap.FSContentType})
	if err != nil {
		t.Fatal(err)
	}
	for {
		frame, err := d.Decode()
		if err != nil {
			if err != framestream.EOF {
				t.Errorf("the stream does not end: %v", err)
			}
			return frames
		}
		frames = append(frames, bytes.Clone(frame))
	}
}

func TestDnstapFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queries.dnstap")
	l := open(t, Config{Dnstap: path})
	added := few(t)
	l.Add(&added[0])
	l.Add(&added[1])
	// Moved away while it is written, as logrotate does.
	waitEmpty(t, l)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	l.Add(&added[2])
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	checkFrames(t, decode(t, path+".1"), added[:2])
	checkFrames(t, decode(t, path), added[2:])
	reader, err := exec.LookPath("dnstap-read")
	if err != nil {
		t.Log("dnstap-read is not installed")
		return
	}
	out, err := exec.Command(reader, path+".1").CombinedOutput()
	if err != nil || strings.Count(string(out), "\n") != 3 || !strings.Contains(string(out), "127.0.0.1:5353") || !strings.Contains(string(out), "D1.warmfront.test/IN/A") {
		t.Errorf("dnstap-read: %v\n%s", err, out)
	}
}

// waitEmpty waits until what was added is written.
func waitEmpty(t *testing.T, l *Log) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); len(l.free) < waiting; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is not written")
		}
	}
}

// TestDnstapSocket: the socket need not be there at first, may go and come back, and what is
// written meanwhile is counted as lost.
func TestDnstapSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tap.sock")
	l := open(t, Config{Dnstap: "unix:" + path})
	var lost atomic.Int32
	add := func(x Exchange) {
		x.Lost = func() { lost.Add(1) }
		if !l.Add(&x) {
			t.Fatal("dropped")
		}
		waitEmpty(t, l)
	}
	added := few(t)
	add(added[0])
	if n := lost.Load(); n != 1 {
		t.Errorf("%d lost while nobody listened", n)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	frames := make(chan []byte, 16)
	go func() {
		defer close(frames)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		r, err := framestream.NewReader(conn, &framestream.ReaderOptions{ContentTypes: [][]byte{dnstap.FSContentType}, Bidirectional: true})
		if err != nil {
			t.Error(err)
			return
		}
		buf := make([]byte, 4096)
		for {
			n, err := r.ReadFrame(buf)
			if err != nil {
				return
			}
			frames <- bytes.Clone(buf[:n])
		}
	}()
	// It tries again after a while.
	for deadline := time.Now().Add(20 * time.Second); ; <-time.After(50 * time.Millisecond) {
		before := lost.Load()
		if add(added[0]); lost.Load() == before {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not connect")
		}
	}
	add(added[1])
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var got [][]byte
	for f := range frames {
		got = append(got, f)
	}
	checkFrames(t, got, added[:2])
}

// TestNeverWaits: a socket that takes nothing costs whoever adds nothing but a false.
// full is a sink that has always more to write, until it is reopened.
type full struct {
	log      *Log
	x        Exchange
	reopened atomic.Bool
}

func (f *full) String() string { return "full" }
func (f *full) flush() error   { return nil }
func (f *full) close() error   { return nil }
func (f *full) reopen() error  { f.reopened.Store(true); return nil }

func (f *full) write(*entry) error {
	if !f.reopened.Load() {
		f.log.Add(&f.x)
	}
	return nil
}

// TestReopenUnderLoad: files are opened anew also while queries come faster than they are
// written.
func TestReopenUnderLoad(t *testing.T) {
	l := &Log{
		free: make(chan *entry, waiting), queue: make(chan *entry, waiting), logger: slog.New(slog.DiscardHandler),
		reopening: make(chan chan error), stop: make(chan struct{}), done: make(chan struct{}),
	}
	for range waiting {
		l.free <- &entry{}
	}
	f := &full{log: l, x: exchange(t, 1)}
	l.sinks = []sink{f}
	l.Add(&f.x)
	l.Add(&f.x) // one is in the queue while the other is written
	go l.run()
	late := time.AfterFunc(10*time.Second, func() {
		t.Error("it waits until nobody asks")
		f.reopened.Store(true)
	})
	if err := l.Reopen(); err != nil {
		t.Error(err)
	}
	late.Stop()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestNeverWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tap.sock")
	listener, err := net.Listen("unix", path) // nobody accepts, nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	l := open(t, Config{Dnstap: "unix:" + path})
	x := exchange(t, 1)
	l.Add(&x)
	dropped, slowest := 0, time.Duration(0)
	for range 3 * waiting {
		start := time.Now()
		if !l.Add(&x) {
			dropped++
		}
		slowest = max(slowest, time.Since(start))
	}
	if dropped < waiting || dropped > 2*waiting+1 {
		t.Errorf("%d of %d are dropped", dropped, 3*waiting)
	}
	if slowest > time.Second {
		t.Errorf("adding took %v", slowest)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestSample(t *testing.T) {
	var none *Log
	if none.Sample() || none.Close() != nil {
		t.Error("no log takes something")
	}
	l := open(t, Config{File: filepath.Join(t.TempDir(), "q.log"), Sample: 0.1})
	defer l.Close()
	n := 0
	for range 100_000 {
		if l.Sample() {
			n++
		}
	}
	if n < 9_000 || n > 11_000 { // ten standard deviations
		t.Errorf("%d of 100,000 at 0.1", n)
	}
	x := exchange(t, 1)
	if n := testing.AllocsPerRun(1000, func() { l.Sample() }); n != 0 {
		t.Errorf("asking costs %v allocations", n)
	}
	l.Add(&x)
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{File: filepath.Join(dir, "a.log"), Sample: 0}, "--query-log-sample 0:"},
		{Config{File: filepath.Join(dir, "a.log"), Sample: 1.5}, "--query-log-sample 1.5:"},
		{Config{File: filepath.Join(dir, "no", "a.log"), Sample: 1}, "--query-log: "},
		{Config{Dnstap: filepath.Join(dir, "no", "a.tap"), Sample: 1}, "--dnstap: "},
		{Config{Dnstap: "unix:", Sample: 1}, "--dnstap"},
	} {
		if _, err := Open(c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.cfg, err)
		}
	}
	if l, err := Open(Config{}); l != nil || err != nil {
		t.Errorf("nothing to write: %v %v", l, err)
	}
}

// FuzzLine: whatever strangers send is one line.
func FuzzLine(f *testing.F) {
	x := exchange(f, 1)
	f.Add(x.Query, x.Answer)
	f.Fuzz(func(t *testing.T, query, answer []byte) {
		l := line(&Exchange{Query: query, Answer: answer})
		text := fmt.Sprint(l)
		if strings.ContainsAny(text, "\n\r") {
			t.Errorf("%q", text)
		}
		if _, err := json.Marshal(l); err != nil {
			t.Error(err)
		}
	})
}
