package upstream

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"testing"

	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/edge/message"
)

// BenchmarkMiss is what one fetch costs, at an origin that does as little as can be.
func BenchmarkMiss(b *testing.B) {
	for _, size := range []int{1 << 10, 100 << 10, 10 << 20} {
		for _, scheme := range []string{"http", "https"} {
			b.Run(fmt.Sprintf("%s-%dKiB", scheme, size>>10), func(b *testing.B) {
				u, o := benchOrigin(b, scheme, size)
				req := benchRequest()
				buf := make([]byte, 256<<10)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					resp, err := u.Do(b.Context(), o, req)
					if err != nil {
						b.Fatal(err)
					}
					got := 0
					for got < size {
						n, err := resp.Body.Read(buf)
						if got += n; err != nil && got < size {
							b.Fatal(err)
						}
					}
					resp.Close()
				}
			})
		}
	}
}

func benchRequest() *message.Request {
	return &message.Request{Method: "GET", Scheme: "http", Host: "bench.test", Path: "/a/b.js", Header: message.Header{
		{Name: "Accept-Encoding", Value: "br,gzip"}, {Name: "User-Agent", Value: "Amazon CloudFront"}, {Name: "X-Forwarded-For", Value: "192.0.2.1"},
		{Name: "Via", Value: "2.0 0123456789abcdef0123456789abcdef.cloudfront.net (CloudFront)"}, {Name: "X-Amz-Cf-Id", Value: "AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHHIIIIJJJJKKKKLLLLMMMMNN=="},
	}}
}

// benchOrigin answers every request with the same bytes.
func benchOrigin(b *testing.B, scheme string, size int) (*Upstream, *origins.Origin) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	certs := httptest.NewUnstartedServer(nil)
	certs.StartTLS()
	roots := x509.NewCertPool()
	roots.AddCert(certs.Certificate())
	cfg := certs.TLS.Clone()
	certs.Close()
	cfg.NextProtos = nil
	if scheme == "https" {
		l = tls.NewListener(l, cfg)
	}
	b.Cleanup(func() { _ = l.Close() })
	answer := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Sun, 22 Nov 2026 20:00:00 GMT\r\nContent-Type: text/javascript\r\nContent-Length: %d\r\nLast-Modified: Sun, 22 Nov 2026 20:00:00 GMT\r\nETag: \"abc\"\r\nCache-Control: max-age=60\r\n\r\n", size)
	answer = append(answer, make([]byte, size)...)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				buf := make([]byte, 4096)
				for n := 0; ; {
					m, err := c.Read(buf[n:])
					if err != nil {
						return
					}
					if n += m; bytes.HasSuffix(buf[:n], []byte("\r\n\r\n")) {
						n = 0
						if _, err := io.Copy(c, bytes.NewReader(answer)); err != nil {
							return
						}
					}
				}
			}()
		}
	}()
	u, err := New(Config{Guard: Guard{Sandbox: true}, Roots: roots, Names: map[string]string{"example.com": l.Addr().String()}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(u.Close)
	o := &origins.Origin{Domain: "example.com", HTTPPort: 80, HTTPSPort: 443, Protocol: origins.HTTPOnly}
	if scheme == "https" {
		o.Protocol = origins.HTTPSOnly
	}
	return u, o
}
