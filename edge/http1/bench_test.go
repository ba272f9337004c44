package http1

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/warmfront/warmfront/edge/message"
)

// cached is an Exchange that answers as a cache does on a hit: with what it has,
// and without an allocation.
type cached struct {
	resp message.Response
	body cachedBody
}

type cachedBody struct {
	b    []byte
	rest []byte
	file *os.File
	left int64
}

func (b *cachedBody) Next() ([]byte, error) {
	if len(b.rest) == 0 {
		return nil, io.EOF
	}
	p := b.rest[:min(len(b.rest), 256<<10)]
	b.rest = b.rest[len(p):]
	return p, nil
}

func (b *cachedBody) Read(p []byte) (int, error) {
	n := copy(p, b.rest)
	if b.rest = b.rest[n:]; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (b *cachedBody) Close() error { return nil }

// filed is a body that lies in a file.
type filed struct{ *cachedBody }

func (b filed) Section() (*os.File, int64, int64, error) {
	n := b.left
	if b.left = 0; n == 0 {
		return nil, 0, 0, io.EOF
	}
	return b.file, 0, n, nil
}

func hit(size int, file *os.File) *cached {
	c := &cached{resp: message.Response{Status: 200, Length: int64(size), Header: message.Header{
		{Name: "Content-Type", Value: "text/html; charset=utf-8"}, {Name: "Date", Value: "Sun, 22 Nov 2026 20:00:00 GMT"}, {Name: "Last-Modified", Value: "Sun, 22 Nov 2026 20:00:00 GMT"},
		{Name: "ETag", Value: `"0123456789abcdef0123456789abcdef"`}, {Name: "Cache-Control", Value: "max-age=3600"}, {Name: "Age", Value: "12"}, {Name: "X-Cache", Value: "Hit from cloudfront"},
		{Name: "Via", Value: "1.1 0123456789abcdef0123456789abcdef.cloudfront.net (CloudFront)"}, {Name: "X-Amz-Cf-Pop", Value: "FRA1-P1"}, {Name: "X-Amz-Cf-Id", Value: "0123456789012345678901234567890123456789012345678901=="},
	}}}
	c.body = cachedBody{b: make([]byte, size), file: file}
	c.resp.Body = &c.body
	if file != nil {
		c.resp.Body = filed{&c.body}
	}
	return c
}

func (c *cached) Handle(context.Context, *message.Request) *message.Response {
	c.body.rest, c.body.left = c.body.b, int64(len(c.body.b))
	return &c.resp
}

func (c *cached) Delivered(message.Delivery) {}

const browserRequest = "GET /images/logo.png?v=12 HTTP/1.1\r\nHost: d111111abcdef8.warmfront.test:8080\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n" +
	"Accept: image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\n" +
	"Referer: http://d111111abcdef8.warmfront.test:8080/index.html\r\nCookie: session=0123456789abcdef; theme=dark\r\nSec-Fetch-Dest: image\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Site: same-origin\r\nPriority: u=5, i\r\n\r\n"

// viewer asks again and again on one connection.
type viewer struct {
	conn net.Conn
	r    *bufio.Reader
	size int
	head int
	buf  []byte
}

// hits serves x to a viewer over loopback.
func hits(t testing.TB, x *cached, cfg *tls.Config, roots *tls.Config) *viewer {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{Scheme: "http", TLS: cfg, NewExchange: func() Exchange { return x }})
	go func() { _ = s.Serve(ln) }()
	t.Cleanup(func() { _ = s.Close() })
	c := connect(t, ln.Addr().String())
	if cfg != nil {
		c = tls.Client(c, roots)
	}
	v := &viewer{conn: c, r: bufio.NewReaderSize(c, 64<<10), size: len(x.body.b), buf: make([]byte, 256<<10)}
	// The first answer is read with care, and says how long its head is.
	_, _ = io.WriteString(c, browserRequest)
	v.head = len(readHead(t, v.r))
	if _, err := io.CopyN(io.Discard, v.r, int64(v.size)); err != nil {
		t.Fatal(err)
	}
	return v
}

var request = []byte(browserRequest)

func (v *viewer) ask(t testing.TB) {
	if _, err := v.conn.Write(request); err != nil {
		t.Fatal(err)
	}
	for left := v.head + v.size; left > 0; {
		n, err := v.conn.Read(v.buf[:min(left, len(v.buf))])
		if err != nil {
			t.Fatal(err)
		}
		left -= n
	}
}

func TestAHitAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool forget")
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "object"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(1 << 20); err != nil {
		t.Fatal(err)
	}
	server, roots := certificate(t)
	for name, c := range map[string]struct {
		x    *cached
		over *tls.Config
		most float64
	}{
		"1 KiB": {hit(1<<10, nil), nil, 0}, "100 KiB": {hit(100<<10, nil), nil, 0}, "1 MiB": {hit(1<<20, nil), nil, 0}, "1 MiB of a file": {hit(1<<20, file), nil, 0}, "1 KiB of a file": {hit(1<<10, file), nil, 0},
		// Of crypto/tls, at both ends.
		"1 KiB over TLS": {hit(1<<10, nil), server, 4},
	} {
		t.Run(name, func(t *testing.T) {
			v := hits(t, c.x, c.over, &tls.Config{ServerName: "a.test", RootCAs: roots})
			v.ask(t)
			// AllocsPerRun counts those of all goroutines, so the server's too.
			if n := testing.AllocsPerRun(500, func() { v.ask(t) }); n > c.most {
				t.Errorf("%v allocations a request", n)
			}
		})
	}
}

func BenchmarkHit(b *testing.B) {
	server, roots := certificate(b)
	for name, c := range map[string]struct {
		x    *cached
		over *tls.Config
	}{"1KiB": {hit(1<<10, nil), nil}, "100KiB": {hit(100<<10, nil), nil}, "1KiB-TLS": {hit(1<<10, nil), server}} {
		b.Run(name, func(b *testing.B) {
			v := hits(b, c.x, c.over, &tls.Config{ServerName: "a.test", RootCAs: roots})
			b.ReportAllocs()
			b.SetBytes(int64(v.size))
			for b.Loop() {
				v.ask(b)
			}
		})
	}
}

// BenchmarkParse is what reading a browser's request costs beside the system
// calls.
func BenchmarkParse(b *testing.B) {
	var r message.Request
	var h head
	buf := make([]byte, len(browserRequest))
	b.ReportAllocs()
	for b.Loop() {
		copy(buf, browserRequest)
		if n, err := parseHead(buf, &r, &h, 256); n == 0 || err != nil {
			b.Fatal(n, err)
		}
	}
}

// BenchmarkHead is what making an answer's head costs.
func BenchmarkHead(b *testing.B) {
	x := hit(1<<10, nil)
	c := &conn{srv: New(Config{})}
	c.req.Minor, c.answer.keep = 1, true
	out := make([]byte, 0, writeSize)
	b.ReportAllocs()
	for b.Loop() {
		out = c.appendHead(out[:0], &x.resp)
	}
}
