package http2

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	xhttp2 "golang.org/x/net/http2"

	"github.com/warmfront/warmfront/edge/message"
)

func initialWindow(n uint32) xhttp2.Setting {
	return xhttp2.Setting{ID: xhttp2.SettingInitialWindowSize, Val: n}
}

func TestStreamWindow(t *testing.T) {
	bubble(t, "opened step by step", func(t *testing.T, s *Server) {
		r := dial(t, s, initialWindow(0))
		r.get(1, "/10")
		r.want("headers 1 200")
		r.frame(frameWindowUpdate, 0, 1, number(1)...)
		r.want("data 1 1")
		r.frame(frameWindowUpdate, 0, 1, number(4)...)
		r.want("data 1 4")
		r.frame(frameWindowUpdate, 0, 1, number(100)...)
		r.want("data 1 5 end")
		r.get(3, "/0") // needs none
		r.want("headers 3 200 end")
	})
	bubble(t, "opened by SETTINGS", func(t *testing.T, s *Server) {
		r := dial(t, s, initialWindow(3))
		r.get(1, "/10")
		r.want("headers 1 200, data 1 3")
		r.check(r.fr.WriteSettings(initialWindow(5)))
		r.want("settings ack=true, data 1 2")
		r.check(r.fr.WriteSettings(initialWindow(100)))
		r.want("settings ack=true, data 1 5 end")
	})
	bubble(t, "negative", func(t *testing.T, s *Server) {
		r := dial(t, s, initialWindow(10))
		r.get(1, "/30")
		r.want("headers 1 200, data 1 10")
		r.check(r.fr.WriteSettings(initialWindow(3))) // now it is -7
		r.want("settings ack=true")
		r.frame(frameWindowUpdate, 0, 1, number(7)...)
		r.want("")
		r.frame(frameWindowUpdate, 0, 1, number(2)...)
		r.want("data 1 2")
		r.check(r.fr.WriteSettings(initialWindow(1000)))
		r.want("settings ack=true, data 1 18 end")
	})
}

func TestConnectionWindow(t *testing.T) {
	bubble(t, "shared by turns", func(t *testing.T, s *Server) {
		r := dial(t, s, initialWindow(1<<20))
		r.get(1, "/65535")
		r.settle()
		r.came() // the connection's window is used up
		for i, path := range []string{"/40000", "/40000", "/10"} {
			r.get(uint32(2*i+3), path)
			r.settle()
		}
		r.want("headers 3 200, headers 5 200, headers 7 200")
		r.frame(frameWindowUpdate, 0, 0, number(16384*3+10)...)
		r.want("data 3 16384, data 5 16384, data 7 10 end, data 3 16384")
		r.frame(frameWindowUpdate, 0, 0, number(1<<20)...)
		r.want("data 5 16384, data 3 7232 end, data 5 7232 end")
	})
	bubble(t, "a stream that is reset gives up its turn", func(t *testing.T, s *Server) {
		r := dial(t, s, initialWindow(1<<20))
		r.get(1, "/65535")
		r.settle()
		r.came()
		r.get(3, "/40000")
		r.settle()
		r.get(5, "/40000")
		r.settle()
		r.frame(frameRSTStream, 0, 3, number(8)...)
		r.came()
		r.frame(frameWindowUpdate, 0, 0, number(1<<20)...)
		r.want("data 5 16384, data 5 16384, data 5 7232 end")
	})
}

func TestReceiveWindows(t *testing.T) {
	bubble(t, "of a stream", func(t *testing.T, s *Server) {
		r := dial(t, s)
		r.post(1, "/wait")
		for range streamWindow / 16384 {
			r.frame(frameData, 0, 1, make([]byte, 16384)...)
		}
		r.want("")
		r.frame(frameData, 0, 1, 1)
		r.want("reset 1 FLOW_CONTROL_ERROR, window 0 262145")
		r.get(3, "/0")
		r.want("headers 3 200 end")
	})
	bubble(t, "of the connection", func(t *testing.T, s *Server) {
		r := dial(t, s)
		for id := uint32(1); id <= 9; id += 2 {
			r.post(id, "/wait")
		}
		for i := range connWindow / 16384 {
			r.frame(frameData, 0, uint32(i%4*2+1), make([]byte, 16384)...)
		}
		r.want("")
		r.frame(frameData, 0, 9, 1)
		r.want("goaway 9 FLOW_CONTROL_ERROR, closed")
	})
	bubble(t, "given back as it is read", func(t *testing.T, s *Server) {
		r := dial(t, s)
		r.post(1, "/read")
		for range 5 {
			r.frame(frameData, 8, 1, append([]byte{255}, make([]byte, 16383)...)...)
		}
		if got := r.came(); !strings.HasPrefix(got, "window 1 ") || strings.Contains(got, ",") {
			t.Error(got)
		}
		r.frame(frameData, 1, 1, 'x')
		if got := r.came(); !strings.HasPrefix(got, "headers 1 200, data 1 16384") {
			t.Error(got)
		}
	})
	bubble(t, "given back when it is not read", func(t *testing.T, s *Server) {
		r := dial(t, s)
		for id := uint32(1); id < 41; id += 2 {
			r.post(id, "/wait")
			for range 8 {
				r.frame(frameData, 0, id, make([]byte, 16384)...)
			}
			r.frame(frameRSTStream, 0, id, number(8)...)
		}
		if got := r.came(); strings.Contains(got, "goaway") || strings.Count(got, "window 0") != 10 {
			t.Error(got)
		}
	})
	bubble(t, "given back for DATA that nobody wants", func(t *testing.T, s *Server) {
		r := dial(t, s)
		r.post(1, "/0")
		r.want("headers 1 200 end")
		for range maxLeftover / 16384 {
			r.frame(frameData, 0, 1, make([]byte, 16384)...)
		}
		if got := r.came(); strings.Count(got, "window 1 65536") != maxLeftover>>16 || strings.Count(got, "window 0 262144") != maxLeftover>>18 || strings.Contains(got, "reset") {
			t.Error(got)
		}
		r.frame(frameData, 0, 1, 'x') // that is enough
		r.frame(frameData, 0, 1, 'x') // was under way
		r.want("reset 1 NO_ERROR")
	})
	bubble(t, "of no more than a few", func(t *testing.T, s *Server) {
		r := dial(t, s)
		for id := uint32(1); id <= 2*maxLeftovers+1; id += 2 {
			r.post(id, "/0")
			r.settle()
		}
		if got := r.came(); !strings.HasSuffix(got, "reset 1 NO_ERROR") || strings.Count(got, "reset") != 1 {
			t.Error(got)
		}
	})
}

// A live body is passed on piece by piece.
func TestLiveBodyIsPassedOnAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, body := io.Pipe()
		s := New(Config{NewExchange: func() Exchange {
			return core{handle: func(_ context.Context, r *message.Request) *message.Response {
				return &message.Response{Status: 200, Length: -1, Body: source, Live: true}
			}}
		}})
		defer s.Close()
		r := dial(t, s)
		r.get(1, "/")
		r.want("headers 1 200")
		for i := 1; i < 4; i++ {
			body.Write(make([]byte, i))
			r.want(fmt.Sprintf("data 1 %d", i))
		}
		body.Close()
		r.want("data 1 0 end")
	})
}
