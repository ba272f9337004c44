package http2

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	xhttp2 "golang.org/x/net/http2"

	"github.com/warmfront/warmfront/edge/message"
)

// Frames that ask for nothing end a connection, long before they are many.
func TestFloods(t *testing.T) {
	many := func(n int, frame []byte) []byte { return bytes.Repeat(frame, n) }
	settings := appendSettings(nil, setting{settingMaxConcurrentStreams, 1})
	for name, test := range map[string]struct {
		before func(r *raw)
		frames func(r *raw) []byte
	}{
		"PING": {nil, func(*raw) []byte {
			return many(2000, append(appendFrameHeader(nil, 8, framePing, 0, 0), "12345678"...))
		}},
		"PING's ACK": {nil, func(*raw) []byte {
			return many(2000, append(appendFrameHeader(nil, 8, framePing, flagAck, 0), "12345678"...))
		}},
		"SETTINGS": {nil, func(*raw) []byte { return many(400, settings) }},
		"PRIORITY": {nil, func(*raw) []byte {
			return many(2000, append(appendFrameHeader(nil, 5, framePriority, 0, 1), 0, 0, 0, 0, 0))
		}},
		"unknown":     {nil, func(*raw) []byte { return many(2000, appendFrameHeader(nil, 0, 0xbe, 0, 0)) }},
		"empty DATA":  {func(r *raw) { r.post(1, "/wait") }, func(*raw) []byte { return many(2000, appendFrameHeader(nil, 0, frameData, 0, 1)) }},
		"small steps": {func(r *raw) { r.get(1, "/wait") }, func(*raw) []byte { return many(2000, appendNumber(nil, frameWindowUpdate, 1, 1)) }},
		"empty CONTINUATION": {func(r *raw) { r.frame(frameHeaders, 1, 1) }, func(*raw) []byte {
			return many(400, appendFrameHeader(nil, 0, frameContinuation, 0, 1))
		}},
		"CONTINUATION": {func(r *raw) { r.frame(frameHeaders, 1, 1) }, func(*raw) []byte {
			return many(20, append(appendFrameHeader(nil, maxReadFrame, frameContinuation, 0, 1), make([]byte, maxReadFrame)...))
		}},
		"rapid reset": {nil, func(r *raw) []byte {
			var b bytes.Buffer
			fr := xhttp2.NewFramer(&b, nil)
			for id := uint32(1); id < 2000; id += 2 {
				fr.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: id, BlockFragment: r.block(basic("GET", "/wait")...), EndStream: true, EndHeaders: true})
				fr.WriteRSTStream(id, xhttp2.ErrCodeCancel)
			}
			return b.Bytes()
		}},
		"malformed": {nil, func(r *raw) []byte {
			var b bytes.Buffer
			fr := xhttp2.NewFramer(&b, nil)
			for id := uint32(1); id < 2000; id += 2 {
				fr.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: id, BlockFragment: r.block("x-a", "b"), EndStream: true, EndHeaders: true})
			}
			return b.Bytes()
		}},
	} {
		bubble(t, name, func(t *testing.T, s *Server) {
			r := dial(t, s)
			if test.before != nil {
				test.before(r)
			}
			_, _ = r.nc.Write(test.frames(r)) // the connection ends within
			if got := r.came(); !strings.HasSuffix(got, "ENHANCE_YOUR_CALM, closed") {
				t.Errorf("it goes on after %.100s", got)
			}
		})
	}
}

// A calm connection may send such frames for ever.
func TestBudgetIsRefilled(t *testing.T) {
	bubble(t, "by time", func(t *testing.T, s *Server) {
		r := dial(t, s)
		r.get(1, "/wait")
		for range 100 {
			for range 50 {
				r.frame(framePing, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8)
			}
			<-time.After(time.Second)
		}
		r.want("")
	})
	bubble(t, "by answers", func(t *testing.T, s *Server) {
		r := dial(t, s)
		for id := uint32(1); id < 4000; id += 2 {
			r.get(id, "/0")
			r.settle()
			r.frame(frameRSTStream, 0, id, number(0)...)
		}
		if got := r.came(); strings.Contains(got, "goaway") {
			t.Errorf("%.100s", got)
		}
	})
}

func TestConcurrentStreams(t *testing.T) {
	var running atomic.Int32
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := New(Config{NewExchange: func() Exchange {
			return core{handle: func(context.Context, *message.Request) *message.Response {
				running.Add(1)
				<-release // whether or not the viewer is there
				running.Add(-1)
				return hit("")
			}}
		}})
		defer s.Close()
		r := dial(t, s)
		id := uint32(1)
		for range maxStreams {
			r.get(id, "/")
			id += 2
		}
		r.want("")
		r.get(id, "/")
		r.want("reset 257 REFUSED_STREAM")
		// Those that are reset still work: they count until they end.
		for id = 1; id < 2*maxStreams; id += 2 {
			r.frame(frameRSTStream, 0, id, number(8)...)
		}
		for range maxStreams {
			id += 2
			r.get(id, "/")
		}
		r.want("")
		if n := running.Load(); n != 2*maxStreams {
			t.Errorf("%d are in work", n)
		}
		r.frame(frameRSTStream, 0, id, number(8)...)
		r.get(id+2, "/")
		if got := r.came(); !strings.Contains(got, "REFUSED_STREAM") {
			t.Error(got)
		}
		close(release)
		if got := r.came(); strings.Count(got, "headers") != maxStreams-1 {
			t.Errorf("%s", got)
		}
		r.get(id+4, "/")
		r.want("headers 517 200 end")
	})
}

func TestTimeouts(t *testing.T) {
	bubble(t, "idle", func(t *testing.T, s *Server) {
		r := dial(t, s)
		<-time.After(70 * time.Second)
		r.get(1, "/0")
		r.want("headers 1 200 end")
		<-time.After(70 * time.Second)
		r.frame(framePing, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8) // is no request
		r.want("")
		<-time.After(6 * time.Second)
		r.want("goaway 1 NO_ERROR, closed")
	})
	bubble(t, "not idle while a request is in work", func(t *testing.T, s *Server) {
		r := dial(t, s)
		r.get(1, "/wait")
		<-time.After(10 * time.Minute)
		r.want("")
		r.frame(frameRSTStream, 0, 1, number(8)...)
		<-time.After(74 * time.Second)
		r.want("")
		<-time.After(76 * time.Second) // it looks once an idle time-out
		r.want("goaway 1 NO_ERROR, closed")
	})
	bubble(t, "header block", func(t *testing.T, s *Server) {
		r := dial(t, s)
		r.get(1, "/wait")
		r.frame(frameHeaders, 1, 3, r.block(basic("GET", "/0")...)...)
		<-time.After(9 * time.Second)
		r.frame(frameContinuation, 0, 3, r.block("x-a", "b")...)
		r.want("")
		<-time.After(2 * time.Second)
		r.want("goaway 1 NO_ERROR, closed")
	})
	bubble(t, "part of a frame", func(t *testing.T, s *Server) {
		r := dial(t, s)
		for range 74 {
			r.write([]byte{0})
			<-time.After(time.Second)
			if r.came() != "" {
				return // a byte each second is some frame in the end
			}
		}
		<-time.After(2 * time.Second)
		r.want("goaway 0 NO_ERROR, closed")
	})
	bubble(t, "window that stays shut", func(t *testing.T, s *Server) {
		r := dial(t, s, initialWindow(1))
		r.get(1, "/10")
		r.want("headers 1 200, data 1 1")
		<-time.After(50 * time.Second)
		r.frame(frameWindowUpdate, 0, 1, number(1)...)
		r.want("data 1 1")
		<-time.After(59 * time.Second)
		r.want("")
		<-time.After(2 * time.Second)
		r.want("reset 1 CANCEL")
	})
	bubble(t, "connection's window that stays shut", func(t *testing.T, s *Server) {
		r := dial(t, s, initialWindow(1<<20))
		r.get(1, "/65536")
		if got := r.came(); !strings.HasSuffix(got, "data 1 16383") {
			t.Error(got)
		}
		<-time.After(59 * time.Second)
		r.want("")
		<-time.After(2 * time.Second)
		r.want("reset 1 CANCEL")
	})
	bubble(t, "body that does not come", func(t *testing.T, s *Server) {
		r := dial(t, s)
		r.post(1, "/read")
		<-time.After(50 * time.Second)
		r.frame(frameData, 0, 1, 'x')
		<-time.After(59 * time.Second)
		r.want("")
		<-time.After(2 * time.Second)
		r.want("headers 1 400 end")
	})
	bubble(t, "viewer that does not read", func(t *testing.T, s *Server) {
		r := dial(t, s)
		r.hear(false)
		r.get(1, "/5000")
		<-time.After(76 * time.Second)
		r.settle()
		if _, err := r.nc.Write(make([]byte, 100)); err == nil {
			t.Error("the connection is still there")
		}
		r.hear(true)
		if got := r.came(); !strings.HasSuffix(got, "closed") {
			t.Error(got)
		}
	})
}

func TestShutdown(t *testing.T) {
	shutdown := func(s *Server, patience time.Duration) chan error {
		done := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			done <- s.Shutdown(ctx)
		}()
		synctest.Wait()
		return done
	}
	const told = `goaway 2147483647 NO_ERROR, ping "draining" ack=false`
	bubble(t, "what is in flight ends", func(t *testing.T, s *Server) {
		r := dial(t, s)
		r.post(1, "/read")
		done := shutdown(s, time.Minute)
		r.want(told)
		r.get(3, "/0") // was under way
		r.want("headers 3 200 end")
		r.frame(framePing, 1, 0, []byte("draining")...)
		r.want("goaway 3 NO_ERROR")
		r.post(5, "/read") // too late
		r.frame(frameData, 1, 5, 'x')
		r.frame(frameWindowUpdate, 0, 5, number(5000)...)
		r.want("")
		r.frame(frameData, 1, 1, 'x')
		r.want("headers 1 200, data 1 1 end, closed")
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	bubble(t, "idle connections end", func(t *testing.T, s *Server) {
		r, q := dial(t, s), dial(t, s)
		done := shutdown(s, time.Minute)
		r.want(told)
		r.frame(framePing, 1, 0, []byte("draining")...)
		r.want("goaway 0 NO_ERROR, closed")
		<-time.After(drainPatience) // this one says nothing
		q.want(told + ", goaway 0 NO_ERROR, closed")
		if err := <-done; err != nil {
			t.Error(err)
		}
		later := dialOnly(t, s)
		later.want("closed")
	})
	bubble(t, "patience ends", func(t *testing.T, s *Server) {
		r := dial(t, s)
		r.get(1, "/wait")
		done := shutdown(s, 5*time.Second)
		if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		s.Close()
		r.want(told + ", goaway 1 NO_ERROR, closed")
	})
	t.Run("a node that drains", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var draining atomic.Bool
			s := New(Config{Draining: draining.Load, NewExchange: func() Exchange {
				return core{handle: func(context.Context, *message.Request) *message.Response { return hit("") }}
			}})
			defer s.Close()
			r := dial(t, s)
			r.get(1, "/")
			r.want("headers 1 200 end")
			draining.Store(true)
			r.get(3, "/")
			r.want(told + ", headers 3 200 end")
			r.frame(framePing, 1, 0, []byte("draining")...)
			r.want("goaway 3 NO_ERROR, closed")
		})
	})
}

// What a request waits for ends with its viewer.
func TestViewerThatLeaves(t *testing.T) {
	for name, leave := range map[string]func(r *raw){
		"reset": func(r *raw) { r.frame(frameRSTStream, 0, 1, number(8)...) },
		"close": func(r *raw) { r.nc.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told deliveries
				reading := make(chan error, 1)
				s := New(Config{NewExchange: func() Exchange {
					return core{func(ctx context.Context, r *message.Request) *message.Response {
						go func() {
							_, err := r.Body.Read(make([]byte, 1))
							reading <- err
						}()
						<-ctx.Done()
						return hit("late")
					}, told.add}
				}})
				defer s.Close()
				r := dial(t, s)
				r.post(1, "/")
				r.settle()
				leave(r)
				r.settle()
				if err := <-reading; err == nil {
					t.Error("a body without an end was read")
				}
				if told.count() != 1 || told.all[0].Err == nil || told.all[0].Body != 0 {
					t.Errorf("%+v", told.all)
				}
			})
		})
	}
}

// Close and the end of the context end a connection that nobody reads from.
func TestCloseDoesNotWaitForViewers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := site()
		ctx, cancel := context.WithCancel(context.Background())
		server, viewer := net.Pipe()
		served := make(chan struct{})
		go func() {
			s.ServeConn(ctx, server, nil)
			close(served)
		}()
		synctest.Wait() // it writes its SETTINGS, which are not read
		cancel()
		<-served
		viewer.Close()
		s.Close()
	})
}
