package http3

import (
	"io"
	"net"
	"runtime"
	"testing"

	"github.com/quic-go/quic-go"
)

// Both ends run in the benchmark: a server alone does about twice as much.
func BenchmarkRequests(b *testing.B) {
	body := make([]byte, 1<<10)
	s := serve(b, say(string(body)), nil)
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			resp, err := s.client.Get(s.url("/"))
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			<-s.delivered
		}
	})
}

func BenchmarkLargeBody(b *testing.B) {
	body := string(make([]byte, 10<<20))
	s := serve(b, say(body), nil)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		resp, err := s.client.Get(s.url("/"))
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
}

func BenchmarkHandshakes(b *testing.B) {
	s := serve(b, say("x"), nil)
	client := quic.Transport{Conn: quiet(listenUDP(b))}
	defer client.Close()
	for b.Loop() {
		conn, err := client.Dial(b.Context(), s.addr, s.clientTLS("www.test"), nil)
		if err != nil {
			b.Fatal(err)
		}
		_ = conn.CloseWithError(0, "")
	}
}

// BenchmarkIdleConnection says what a connection without requests holds at both
// ends together.
func BenchmarkIdleConnection(b *testing.B) {
	s := serve(b, say("x"), nil)
	client := quic.Transport{Conn: quiet(listenUDP(b))}
	defer client.Close()
	before := held()
	conns := make([]*quic.Conn, 0, b.N)
	for range b.N {
		conn, err := client.Dial(b.Context(), net.Addr(s.addr), s.clientTLS("www.test"), nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := conn.AcceptUniStream(b.Context()); err != nil {
			b.Fatal(err)
		}
		conns = append(conns, conn)
	}
	b.ReportMetric(float64(held()-before)/float64(b.N), "B/conn")
	runtime.KeepAlive(conns)
}

// held is what is in use of heap and stacks.
func held() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
