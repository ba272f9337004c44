// Command hit answers every request with the same object of 1 KiB (or -size), as a
// memory hit does, over TLS 1.3 and HTTP/2: by this repository's loop, or by
// net/http's with -library.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/pprof"
	"time"

	"github.com/warmfront/warmfront/edge/http2"
	"github.com/warmfront/warmfront/edge/message"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8443", "where to listen")
	cert := flag.String("cert", "cert.pem", "certificate")
	key := flag.String("key", "key.pem", "its key")
	size := flag.Int("size", 1024, "bytes of the object")
	status := flag.Int("status", 200, "of the answers")
	library := flag.Bool("library", false, "serve by net/http")
	profile := flag.String("profile", "", "file for a CPU profile")
	flag.Parse()
	pair, err := tls.LoadX509KeyPair(*cert, *key)
	if err != nil {
		log.Fatal(err)
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			log.Fatal(err)
		}
		_ = pprof.StartCPUProfile(f)
	}
	body := make([]byte, *size)
	go serve(*addr, *status, &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"}}, body, *library)
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, os.Interrupt)
	<-ended
	pprof.StopCPUProfile()
}

func serve(addr string, status int, config *tls.Config, body []byte, library bool) {
	if library {
		s := &http.Server{Addr: addr, TLSConfig: config, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for _, f := range fields() {
				w.Header()[http.CanonicalHeaderKey(f.Name)] = []string{f.Value}
			}
			w.WriteHeader(status)
			_, _ = w.Write(body)
		})}
		log.Fatal(s.ListenAndServeTLS("", ""))
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		log.Fatal(err)
	}
	s := http2.New(http2.Config{NewExchange: func() http2.Exchange { return &exchange{body: body, status: status} }})
	for {
		nc, err := ln.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			tc := tls.Server(nc, config)
			if tc.Handshake() == nil {
				state := tc.ConnectionState()
				s.ServeConn(context.Background(), tc, &state)
			}
		}()
	}
}

type exchange struct {
	body   []byte
	status int
	header message.Header
	id     [56]byte
	resp   message.Response
	reader reader
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// fields are those of a hit. The Age moves on as it does for a hot object, and each
// answer has an id of its own.
func fields() message.Header {
	var id [56]byte
	return appendFields(nil, &id)
}

func appendFields(h message.Header, id *[56]byte) message.Header {
	for i := 0; i < len(id); i += 8 {
		r := rand.Uint64()
		for j := range 8 {
			id[i+j] = letters[r>>(8*j)&63]
		}
	}
	return append(h,
		message.Field{Name: "Content-Type", Value: "application/octet-stream"},
		message.Field{Name: "Last-Modified", Value: "Tue, 03 Nov 2026 09:10:11 GMT"},
		message.Field{Name: "ETag", Value: `"5f2c1e9a7b3d4c6e8f0a1b2c3d4e5f60"`},
		message.Field{Name: "Cache-Control", Value: "public, max-age=86400"},
		message.Field{Name: "Accept-Ranges", Value: "bytes"},
		message.Field{Name: "Server", Value: "AmazonS3"},
		message.Field{Name: "Age", Value: age()},
		message.Field{Name: "X-Cache", Value: "Hit from cloudfront"},
		message.Field{Name: "Via", Value: "1.1 0123456789abcdef0123456789abcdef.cloudfront.net (CloudFront)"},
		message.Field{Name: "X-Amz-Cf-Pop", Value: "FRA56-P1"},
		message.Field{Name: "X-Amz-Cf-Id", Value: string(id[:])},
	)
}

func age() string {
	s := time.Now().Unix() % 10000
	return string([]byte{byte('0' + s/1000), byte('0' + s/100%10), byte('0' + s/10%10), byte('0' + s%10)})
}

func (x *exchange) Ready(*message.Request) bool { return true }

func (x *exchange) Handle(_ context.Context, r *message.Request) *message.Response {
	x.header = appendFields(x.header[:0], &x.id)
	x.reader.rest = x.body
	x.resp = message.Response{Status: x.status, Header: x.header, Body: &x.reader, Length: int64(len(x.body))}
	return &x.resp
}

func (x *exchange) Delivered(message.Delivery) {}

type reader struct{ rest []byte }

func (b *reader) Next() ([]byte, error) {
	if len(b.rest) == 0 {
		return nil, io.EOF
	}
	p := b.rest
	b.rest = nil
	return p, nil
}

func (b *reader) Read(p []byte) (int, error) {
	n := copy(p, b.rest)
	if b.rest = b.rest[n:]; n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (b *reader) Close() error { return nil }
