package proxyproto

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	proxyproto "github.com/pires/go-proxyproto"
)

var (
	src4 = netip.MustParseAddrPort("127.120.9.9:4711")
	dst4 = netip.MustParseAddrPort("127.120.0.1:8080")
	src6 = netip.MustParseAddrPort("[fd77:120::9]:4711")
	now  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func testKey(t *testing.T) []byte {
	t.Helper()
	key, err := DeriveKey([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestHeaderIsBelievedOnlyAsItWasSent(t *testing.T) {
	key := testKey(t)
	other, err := DeriveKey([]byte("another"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ src, dst netip.AddrPort }{{src4, dst4}, {src6, dst4}, {src4, src6}} {
		h := Header(c.src, c.dst, key, now)
		if got, err := verify(h, key, now, &nonces{}); err != nil || got != c.src {
			t.Errorf("%v to %v: %v, %v", c.src, c.dst, got, err)
		}
		if len(h) > maxHeader {
			t.Errorf("%d bytes", len(h))
		}
		for i := range h {
			forged := bytes.Clone(h)
			forged[i] ^= 1
			if got, err := verify(forged, key, now, &nonces{}); err == nil {
				t.Fatalf("byte %d changed, still taken for %v", i, got)
			}
		}
	}
	h := Header(src4, dst4, key, now)
	seen := &nonces{}
	for _, c := range []struct {
		name string
		key  []byte
		now  time.Time
		ok   bool
	}{
		{"another key", other, now, false},
		{"too late", key, now.Add(validity + time.Second), false},
		{"too early", key, now.Add(-validity - time.Second), false},
		{"late", key, now.Add(validity), true},
		{"twice", key, now, false},
	} {
		if _, err := verify(h, c.key, c.now, seen); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestHeaderWithoutAuthentication(t *testing.T) {
	plain, err := proxyproto.HeaderProxyFromAddrs(2, net.TCPAddrFromAddrPort(src4), net.TCPAddrFromAddrPort(dst4)).Format()
	if err != nil {
		t.Fatal(err)
	}
	local, err := (&proxyproto.Header{Version: 2, Command: proxyproto.LOCAL}).Format()
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range [][]byte{plain, local} {
		if _, err := verify(h, testKey(t), now, &nonces{}); !errors.Is(err, ErrHeader) {
			t.Errorf("%x: %v", h, err)
		}
	}
}

func TestNoncesAreForgottenWhenTheyAreOfNoUse(t *testing.T) {
	n := &nonces{}
	one := [nonceSize]byte{1}
	for i, c := range []struct {
		after time.Duration
		first bool
	}{{0, true}, {0, false}, {2 * validity, false}, {2*validity + 1, false}, {5 * validity, true}} {
		if got := n.first(one, now.Add(c.after)); got != c.first {
			t.Errorf("%d: after %v: %v", i, c.after, got)
		}
	}
	for i := range 1000 {
		n.first([nonceSize]byte{byte(i), byte(i >> 8)}, now.Add(time.Duration(i)*validity))
	}
	if len(n.now)+len(n.old) > 10 {
		t.Errorf("%d are kept", len(n.now)+len(n.old))
	}
}

// pipeListener accepts the ends it is given.
type pipeListener struct{ conns chan net.Conn }

func (l pipeListener) Accept() (net.Conn, error) { return <-l.conns, nil }
func (l pipeListener) Close() error              { return nil }
func (l pipeListener) Addr() net.Addr            { return &net.TCPAddr{} }

func accepted(t *testing.T, key []byte) (client, server net.Conn) {
	t.Helper()
	l := pipeListener{make(chan net.Conn, 1)}
	client, end := net.Pipe()
	l.conns <- end
	server, err := Listener(l, key).Accept() // returns though nothing was sent
	if err != nil {
		t.Fatal(err)
	}
	return client, server
}

func TestOrdinaryConnectionsAreReadAsTheyAre(t *testing.T) {
	key := testKey(t)
	for _, pieces := range [][]string{
		{"GET / HTTP/1.1\r\n\r\n"}, {"G"}, {"\x16\x03\x01"}, {"\r\n", "GET /"}, {"\r\n\r\n\x00\r\nQUI", "X"}, {signature[:4]}, {"\r", "\n", "x"},
	} {
		synctest.Test(t, func(t *testing.T) {
			client, server := accepted(t, key)
			want := ""
			go func() {
				for _, p := range pieces {
					_, _ = io.WriteString(client, p)
				}
				_ = client.Close()
			}()
			for _, p := range pieces {
				want += p
			}
			if addr := server.RemoteAddr(); addr.Network() != "pipe" {
				t.Errorf("%q: remote address %v", pieces, addr)
			}
			if got, err := io.ReadAll(server); string(got) != want || err != nil {
				t.Errorf("%q: read %q, %v", pieces, got, err)
			}
		})
	}
}

func TestHeaderGivesTheAddressHoweverItIsCut(t *testing.T) {
	key := testKey(t)
	for _, piece := range []int{1, 5, 13, 1000} {
		synctest.Test(t, func(t *testing.T) {
			client, server := accepted(t, key)
			go func() {
				all := append(Header(src4, dst4, key, time.Now()), "hello"...)
				for len(all) > 0 {
					n := min(piece, len(all))
					_, _ = client.Write(all[:n])
					all = all[n:]
				}
				_ = client.Close()
			}()
			if got := server.RemoteAddr().String(); got != src4.String() {
				t.Errorf("in pieces of %d: %s", piece, got)
			}
			if got, err := io.ReadAll(server); string(got) != "hello" || err != nil {
				t.Errorf("in pieces of %d: %q, %v", piece, got, err)
			}
		})
	}
}

func TestInvalidHeaderClosesTheConnection(t *testing.T) {
	key := testKey(t)
	forged := Header(src4, dst4, key[:5], time.Now())
	long := []byte(signature + "\x21\x11\xff\xff")
	for _, h := range [][]byte{forged, long} {
		synctest.Test(t, func(t *testing.T) {
			client, server := accepted(t, key)
			go func() { _, _ = client.Write(append(h, "GET / HTTP/1.1\r\n\r\n"...)) }()
			if n, err := server.Read(make([]byte, 100)); n != 0 || !errors.Is(err, ErrHeader) {
				t.Errorf("%d bytes, %v", n, err)
			}
			if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("the client's end: %v", err)
			}
		})
	}
}

func TestSilentClientIsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := accepted(t, testKey(t))
		start := time.Now()
		if addr := server.RemoteAddr(); addr == nil || time.Since(start) != sniffLimit {
			t.Errorf("%v after %v", addr, time.Since(start))
		}
		if _, err := client.Write([]byte("x")); err == nil {
			t.Error("the connection is still open")
		}
	})
}

func TestDeadlinesSetWhileSniffingHoldAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := accepted(t, testKey(t))
		go func() { server.RemoteAddr() }()
		synctest.Wait()
		if err := server.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if got, err := io.ReadAll(server); string(got) != "x" || err == nil || time.Since(start) != time.Second {
			t.Errorf("%q, %v after %v", got, err, time.Since(start))
		}
		_ = client.Close()
	})
}

// TestUnderNetHTTP: the server that edges run on sees the viewer's address.
func TestUnderNetHTTP(t *testing.T) {
	key := testKey(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RemoteAddr) })}
	go func() { _ = srv.Serve(Listener(ln, key)) }()
	defer func() { _ = srv.Close() }()
	silent, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	for _, header := range []bool{true, false} {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		want := c.LocalAddr().String()
		if header {
			want = src4.String()
			if _, err := c.Write(Header(src4, dst4, key, time.Now())); err != nil {
				t.Fatal(err)
			}
		}
		_, _ = io.WriteString(c, "GET / HTTP/1.0\r\n\r\n")
		got, err := io.ReadAll(c)
		if !bytes.HasSuffix(got, []byte("\r\n\r\n"+want)) {
			t.Errorf("header %v: %q, %v; want %s", header, got, err, want)
		}
		_ = c.Close()
	}
}

func FuzzHeader(f *testing.F) {
	key := []byte("key")
	f.Add(Header(src4, dst4, key, now))
	f.Add([]byte(signature + "\x21\x11\x00\x0c"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := verify(b, []byte("another key"), now, &nonces{}); err == nil {
			t.Fatalf("%x is believed", b)
		}
	})
}
