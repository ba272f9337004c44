package http2

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	xhttp2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/warmfront/warmfront/edge/message"
)

// raw is a viewer that sends what it is told to, frame by frame, and notes what
// comes back. It lives in a bubble of synctest: settle waits until the server has
// nothing more to do.
type raw struct {
	t   *testing.T
	nc  net.Conn
	fr  *xhttp2.Framer
	enc *hpack.Encoder
	buf bytes.Buffer

	mu     sync.Mutex
	got    []string
	fields func(name, value string) // told of those of answers
	mute   bool                     // nothing is read
	listen *sync.Cond               // mute has changed
}

// dial has s serve a new connection, over which SETTINGS have been exchanged.
func dial(t *testing.T, s *Server, settings ...xhttp2.Setting) *raw {
	r := dialOnly(t, s)
	r.write([]byte(preface))
	r.check(r.fr.WriteSettings(settings...))
	r.check(r.fr.WriteSettingsAck())
	r.settle()
	r.mu.Lock()
	r.got = nil
	r.mu.Unlock()
	return r
}

func dialOnly(t *testing.T, s *Server) *raw {
	server, viewer := net.Pipe()
	r := &raw{t: t, nc: viewer}
	r.listen = sync.NewCond(&r.mu)
	r.enc = hpack.NewEncoder(&r.buf)
	r.fr = xhttp2.NewFramer(viewer, viewer)
	r.fr.AllowIllegalWrites = true
	go s.ServeConn(context.Background(), server, nil)
	go r.read()
	return r
}

func (r *raw) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Error(err)
	}
}

func (r *raw) write(p []byte) {
	r.t.Helper()
	_, err := r.nc.Write(p)
	r.check(err)
}

func (r *raw) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, fmt.Sprintf(format, args...))
}

// read notes each frame as a line.
func (r *raw) read() {
	fr := xhttp2.NewFramer(nil, r.nc)
	fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	fr.SetMaxReadFrameSize(1 << 20)
	for {
		r.mu.Lock()
		for r.mute {
			r.listen.Wait()
		}
		r.mu.Unlock()
		f, err := fr.ReadFrame()
		if err != nil {
			r.note("closed")
			return
		}
		end := ""
		if f.Header().Flags.Has(xhttp2.FlagDataEndStream) {
			end = " end"
		}
		switch f := f.(type) {
		case *xhttp2.MetaHeadersFrame:
			r.mu.Lock()
			if r.fields != nil {
				for _, h := range f.Fields {
					r.fields(h.Name, h.Value)
				}
			}
			r.mu.Unlock()
			if f.PseudoValue("status") == "" {
				end = " trailer" + end
			}
			r.note("headers %d %s%s", f.StreamID, f.PseudoValue("status"), end)
		case *xhttp2.DataFrame:
			r.note("data %d %d%s", f.StreamID, len(f.Data()), end)
		case *xhttp2.RSTStreamFrame:
			r.note("reset %d %v", f.StreamID, f.ErrCode)
		case *xhttp2.GoAwayFrame:
			r.note("goaway %d %v", f.LastStreamID, f.ErrCode)
		case *xhttp2.PingFrame:
			r.note("ping %q ack=%v", f.Data[:], f.IsAck())
		case *xhttp2.WindowUpdateFrame:
			r.note("window %d %d", f.StreamID, f.Increment)
		case *xhttp2.SettingsFrame:
			r.note("settings ack=%v", f.IsAck())
		default:
			r.note("%v", f)
		}
	}
}

func (r *raw) hear(yes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mute = !yes
	r.listen.Broadcast()
}

func (r *raw) settle() { synctest.Wait() }

// came returns what came since it was asked last.
func (r *raw) came() string {
	r.settle()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := strings.Join(r.got, ", ")
	r.got = nil
	return s
}

func (r *raw) want(want string) {
	r.t.Helper()
	if got := r.came(); got != want {
		r.t.Errorf("got  %s\nwant %s", got, want)
	}
}

// block encodes name, value, name, value…
func (r *raw) block(fields ...string) []byte {
	r.buf.Reset()
	for i := 0; i < len(fields); i += 2 {
		_ = r.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return bytes.Clone(r.buf.Bytes())
}

func basic(method, path string, more ...string) []string {
	return append([]string{":method", method, ":scheme", "http", ":authority", "a.test", ":path", path}, more...)
}

func (r *raw) headers(id uint32, end bool, fields ...string) {
	r.t.Helper()
	r.check(r.fr.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: id, BlockFragment: r.block(fields...), EndStream: end, EndHeaders: true}))
}

func (r *raw) get(id uint32, path string) { r.t.Helper(); r.headers(id, true, basic("GET", path)...) }

func (r *raw) post(id uint32, path string, more ...string) {
	r.t.Helper()
	r.headers(id, false, basic("POST", path, more...)...)
}

// frame writes any frame.
func (r *raw) frame(kind byte, flags byte, id uint32, payload ...byte) {
	r.t.Helper()
	r.write(append(appendFrameHeader(nil, len(payload), kind, flags, id), payload...))
}

// site answers by path: "/n" with n bytes, "/wait" when the request ends or its
// viewer does, "/read" with as many bytes as the body has.
func site() *Server {
	handle := func(ctx context.Context, r *message.Request) *message.Response {
		switch r.Path {
		case "/wait":
			<-ctx.Done()
			return hit("")
		case "/read":
			b, err := io.ReadAll(r.Body)
			if err != nil {
				return &message.Response{Status: 400}
			}
			return hit(string(b))
		}
		n := 0
		fmt.Sscanf(r.Path, "/%d", &n)
		return hit(strings.Repeat("x", n))
	}
	return New(Config{NewExchange: func() Exchange {
		return readyCore{core{handle: handle}, func(r *message.Request) bool { return r.Path != "/wait" && r.Path != "/read" }}
	}})
}

// bubble runs a test against a site.
func bubble(t *testing.T, name string, test func(t *testing.T, s *Server)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := site()
			defer s.Close()
			test(t, s)
		})
	})
}

func number(n uint32) []byte { return []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)} }

// What breaks the protocol, by the sections of RFC 9113 that say so, and what
// comes of it.
func TestProtocolErrors(t *testing.T) {
	oversize := make([]byte, maxReadFrame+1)
	for _, test := range []struct {
		name string
		send func(r *raw)
		want string
	}{
		{"4.1 unknown frame is ignored", func(r *raw) { r.frame(0xbe, 0xff, 0, 1, 2, 3); r.get(1, "/3") }, "headers 1 200, data 1 3 end"},
		{"4.1 unknown flags are ignored", func(r *raw) { r.frame(framePing, 0xfe, 0, 1, 2, 3, 4, 5, 6, 7, 8) }, `ping "\x01\x02\x03\x04\x05\x06\a\b" ack=true`},
		{"4.1 the reserved bit is ignored", func(r *raw) { r.frame(framePing, 0, 1<<31, 1, 2, 3, 4, 5, 6, 7, 8) }, `ping "\x01\x02\x03\x04\x05\x06\a\b" ack=true`},
		{"4.2 frame too large", func(r *raw) { r.write(appendFrameHeader(nil, maxReadFrame+1, frameData, 0, 1)) }, "goaway 0 FRAME_SIZE_ERROR, closed"},
		{"4.2 HEADERS too large", func(r *raw) { r.write(appendFrameHeader(nil, len(oversize), frameHeaders, 5, 1)) }, "goaway 0 FRAME_SIZE_ERROR, closed"},
		{"4.3 block cannot be decoded", func(r *raw) { r.frame(frameHeaders, 5, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff) }, "goaway 0 COMPRESSION_ERROR, closed"},
		{"4.3 block ends within a field", func(r *raw) { r.frame(frameHeaders, 5, 1, 0x40, 0x05, 'a') }, "goaway 0 COMPRESSION_ERROR, closed"},
		{"4.3 table beyond what was allowed", func(r *raw) { r.frame(frameHeaders, 5, 1, 0x3f, 0xe2, 0x1f) }, "goaway 0 COMPRESSION_ERROR, closed"},
		{"4.3 another frame in a block", func(r *raw) {
			r.frame(frameHeaders, 1, 1, r.block(basic("GET", "/1")...)...)
			r.frame(framePing, 0, 0, make([]byte, 8)...)
		}, "goaway 0 PROTOCOL_ERROR, closed"},
		{"4.3 unknown frame in a block", func(r *raw) { r.frame(frameHeaders, 1, 1); r.frame(0xbe, 0, 0) }, "goaway 0 PROTOCOL_ERROR, closed"},
		{"4.3 a block of another stream in a block", func(r *raw) { r.frame(frameHeaders, 1, 1); r.frame(frameContinuation, 4, 3) }, "goaway 0 PROTOCOL_ERROR, closed"},

		{"5.1 idle: DATA", func(r *raw) { r.frame(frameData, 1, 1, 'x') }, "goaway 0 PROTOCOL_ERROR, closed"},
		{"5.1 idle: RST_STREAM", func(r *raw) { r.frame(frameRSTStream, 0, 1, number(8)...) }, "goaway 0 PROTOCOL_ERROR, closed"},
		{"5.1 idle: WINDOW_UPDATE", func(r *raw) { r.frame(frameWindowUpdate, 0, 1, number(8000)...) }, "goaway 0 PROTOCOL_ERROR, closed"},
		{"5.1 idle: WINDOW_UPDATE on a stream of ours", func(r *raw) { r.get(5, "/0"); r.frame(frameWindowUpdate, 0, 2, number(8000)...) }, "headers 5 200 end, goaway 5 PROTOCOL_ERROR, closed"},
		{"5.1 idle: CONTINUATION", func(r *raw) { r.frame(frameContinuation, 4, 1) }, "goaway 0 PROTOCOL_ERROR, closed"},
		{"5.1 half-closed: DATA", func(r *raw) { r.get(1, "/wait"); r.frame(frameData, 0, 1, 'x') }, "reset 1 STREAM_CLOSED"},
		{"5.1 half-closed: HEADERS", func(r *raw) { r.get(1, "/wait"); r.headers(1, true, "x-a", "b") }, "reset 1 STREAM_CLOSED"},
		{"5.1 half-closed: CONTINUATION", func(r *raw) { r.get(1, "/wait"); r.frame(frameContinuation, 4, 1) }, "goaway 1 PROTOCOL_ERROR, closed"},
		{"5.1 half-closed: WINDOW_UPDATE, PRIORITY", func(r *raw) {
			r.get(1, "/wait")
			r.frame(frameWindowUpdate, 0, 1, number(8)...)
			r.frame(framePriority, 0, 1, 0, 0, 0, 0, 8)
		}, ""},
		{"5.1 closed: DATA", func(r *raw) { r.get(1, "/0"); r.settle(); r.frame(frameData, 1, 1, 'x') }, "headers 1 200 end, reset 1 STREAM_CLOSED"},
		{"5.1 closed: HEADERS", func(r *raw) { r.get(1, "/0"); r.settle(); r.get(1, "/0") }, "headers 1 200 end, goaway 1 STREAM_CLOSED, closed"},
		{"5.1 closed by RST_STREAM: HEADERS", func(r *raw) { r.get(1, "/wait"); r.frame(frameRSTStream, 0, 1, number(8)...); r.get(1, "/0") }, "goaway 1 STREAM_CLOSED, closed"},
		{"5.1 closed by RST_STREAM: DATA", func(r *raw) {
			r.post(1, "/wait")
			r.frame(frameRSTStream, 0, 1, number(8)...)
			r.frame(frameData, 1, 1, 'x')
		}, "reset 1 STREAM_CLOSED"},
		{"5.1 closed: WINDOW_UPDATE, RST_STREAM, PRIORITY", func(r *raw) {
			r.get(1, "/0")
			r.settle()
			r.frame(frameWindowUpdate, 0, 1, number(8)...)
			r.frame(frameRSTStream, 0, 1, number(8)...)
			r.frame(framePriority, 0, 1, 0, 0, 0, 0, 8)
		}, "headers 1 200 end"},
		{"5.1 reset here: what was under way is ignored", func(r *raw) {
			r.post(1, "/wait", "bad name", "x")
			r.frame(frameData, 0, 1, 'x')
			r.headers(1, true, "x-a", "b")
		}, "reset 1 PROTOCOL_ERROR"},
		{"5.1.1 even stream", func(r *raw) { r.get(2, "/0") }, "goaway 0 PROTOCOL_ERROR, closed"},
		{"5.1.1 stream older than the newest", func(r *raw) { r.get(5, "/0"); r.get(3, "/0") }, "headers 5 200 end, goaway 5 PROTOCOL_ERROR, closed"},
		{"5.3.2 a stream that depends on itself is none of our business", func(r *raw) { r.frame(framePriority, 0, 1, 0, 0, 0, 1, 8) }, ""},

		{"6.1 DATA without a stream", func(r *raw) { r.frame(frameData, 1, 0, 'x') }, "goaway 0 PROTOCOL_ERROR, closed"},
		{"6.1 padding as long as the frame", func(r *raw) { r.post(1, "/read"); r.frame(frameData, 9, 1, 2, 'x') }, "goaway 1 PROTOCOL_ERROR, closed"},
		{"6.1 padding without its length", func(r *raw) { r.post(1, "/read"); r.frame(frameData, 9, 1) }, "goaway 1 FRAME_SIZE_ERROR, closed"},
		{"6.1 padding", func(r *raw) { r.post(1, "/read"); r.frame(frameData, 9, 1, 2, 'x', 0, 0) }, "headers 1 200, data 1 1 end"},
		{"6.2 HEADERS without a stream", func(r *raw) { r.get(0, "/") }, "goaway 0 PROTOCOL_ERROR, closed"},
		{"6.2 padding as long as the frame", func(r *raw) { r.frame(frameHeaders, 0xd, 1, 2, 'x') }, "goaway 0 PROTOCOL_ERROR, closed"},
		{"6.2 priority cut short", func(r *raw) { r.frame(frameHeaders, 0x25, 1, 0, 0, 0) }, "goaway 0 FRAME_SIZE_ERROR, closed"},
		{"6.2 padding and priority", func(r *raw) {
			r.frame(frameHeaders, 0x2d, 1, append(append([]byte{3, 0, 0, 0, 0, 1}, r.block(basic("GET", "/1")...)...), 0, 0, 0)...)
		}, "headers 1 200, data 1 1 end"},
		{"6.3 PRIORITY without a stream", func(r *raw) { r.frame(framePriority, 0, 0, 0, 0, 0, 0, 0) }, "goaway 0 PROTOCOL_ERROR, closed"},
		{"6.3 PRIORITY of a wrong size", func(r *raw) { r.get(1, "/wait"); r.frame(framePriority, 0, 1, 0, 0, 0, 0) }, "reset 1 FRAME_SIZE_ERROR"},
		{"6.4 RST_STREAM without a stream", func(r *raw) { r.frame(frameRSTStream, 0, 0, number(8)...) }, "goaway 0 PROTOCOL_ERROR, closed"},
		{"6.4 RST_STREAM of a wrong size", func(r *raw) { r.get(1, "/wait"); r.frame(frameRSTStream, 0, 1, 0, 0, 0) }, "goaway 1 FRAME_SIZE_ERROR, closed"},
		{"6.5 SETTINGS on a stream", func(r *raw) { r.frame(frameSettings, 0, 1) }, "goaway 0 PROTOCOL_ERROR, closed"},
		{"6.5 ACK with something in it", func(r *raw) { r.frame(frameSettings, 1, 0, 0, 0, 0, 0, 0, 0) }, "goaway 0 FRAME_SIZE_ERROR, closed"},
		{"6.5 SETTINGS of a wrong size", func(r *raw) { r.frame(frameSettings, 0, 0, 0, 0, 0) }, "goaway 0 FRAME_SIZE_ERROR, closed"},
		{"6.5.2 ENABLE_PUSH", func(r *raw) { r.check(r.fr.WriteSettings(xhttp2.Setting{ID: 2, Val: 2})) }, "goaway 0 PROTOCOL_ERROR, closed"},
		{"6.5.2 INITIAL_WINDOW_SIZE", func(r *raw) { r.check(r.fr.WriteSettings(xhttp2.Setting{ID: 4, Val: 1 << 31})) }, "goaway 0 FLOW_CONTROL_ERROR, closed"},
		{"6.5.2 MAX_FRAME_SIZE too small", func(r *raw) { r.check(r.fr.WriteSettings(xhttp2.Setting{ID: 5, Val: 16383})) }, "goaway 0 PROTOCOL_ERROR, closed"},
		{"6.5.2 MAX_FRAME_SIZE too large", func(r *raw) { r.check(r.fr.WriteSettings(xhttp2.Setting{ID: 5, Val: 1 << 24})) }, "goaway 0 PROTOCOL_ERROR, closed"},
		{"6.5.2 unknown setting", func(r *raw) { r.check(r.fr.WriteSettings(xhttp2.Setting{ID: 0xff, Val: 1})) }, "settings ack=true"},
		{"6.6 PUSH_PROMISE", func(r *raw) { r.frame(framePushPromise, 4, 1, number(2)...) }, "goaway 0 PROTOCOL_ERROR, closed"},
		{"6.7 PING", func(r *raw) { r.frame(framePing, 0, 0, []byte("12345678")...) }, `ping "12345678" ack=true`},
		{"6.7 PING that is an answer", func(r *raw) { r.frame(framePing, 1, 0, []byte("12345678")...) }, ""},
		{"6.7 PING on a stream", func(r *raw) { r.frame(framePing, 0, 1, make([]byte, 8)...) }, "goaway 0 PROTOCOL_ERROR, closed"},
		{"6.7 PING of a wrong size", func(r *raw) { r.frame(framePing, 0, 0, make([]byte, 6)...) }, "goaway 0 FRAME_SIZE_ERROR, closed"},
		{"6.8 GOAWAY on a stream", func(r *raw) { r.frame(frameGoAway, 0, 1, make([]byte, 8)...) }, "goaway 0 PROTOCOL_ERROR, closed"},
		{"6.8 GOAWAY of a wrong size", func(r *raw) { r.frame(frameGoAway, 0, 0, make([]byte, 7)...) }, "goaway 0 FRAME_SIZE_ERROR, closed"},
		{"6.8 GOAWAY", func(r *raw) { r.frame(frameGoAway, 0, 0, make([]byte, 8)...); r.get(1, "/1") }, "headers 1 200, data 1 1 end"},
		{"6.9 WINDOW_UPDATE by nothing", func(r *raw) { r.frame(frameWindowUpdate, 0, 0, number(0)...) }, "goaway 0 PROTOCOL_ERROR, closed"},
		{"6.9 WINDOW_UPDATE of a stream by nothing", func(r *raw) { r.get(1, "/wait"); r.frame(frameWindowUpdate, 0, 1, number(0)...) }, "reset 1 PROTOCOL_ERROR"},
		{"6.9 WINDOW_UPDATE of a wrong size", func(r *raw) { r.frame(frameWindowUpdate, 0, 0, 0, 0, 1) }, "goaway 0 FRAME_SIZE_ERROR, closed"},
		{"6.9.1 window beyond 2^31-1", func(r *raw) { r.frame(frameWindowUpdate, 0, 0, number(maxWindow)...) }, "goaway 0 FLOW_CONTROL_ERROR, closed"},
		{"6.9.1 stream's window beyond 2^31-1", func(r *raw) { r.get(1, "/wait"); r.frame(frameWindowUpdate, 0, 1, number(maxWindow)...) }, "reset 1 FLOW_CONTROL_ERROR"},
		{"6.9.2 window beyond 2^31-1 by SETTINGS", func(r *raw) {
			r.get(1, "/wait")
			r.frame(frameWindowUpdate, 0, 1, number(maxWindow-defaultWindow)...)
			r.check(r.fr.WriteSettings(xhttp2.Setting{ID: 4, Val: defaultWindow + 1}))
		}, "goaway 1 FLOW_CONTROL_ERROR, closed"},
		{"6.10 CONTINUATION after the end", func(r *raw) { r.get(1, "/wait"); r.frame(frameContinuation, 4, 1) }, "goaway 1 PROTOCOL_ERROR, closed"},
		{"6.10 CONTINUATION without a stream", func(r *raw) { r.frame(frameHeaders, 1, 1); r.frame(frameContinuation, 4, 0) }, "goaway 0 PROTOCOL_ERROR, closed"},
		{"6.10 a block in many frames", func(r *raw) {
			b := r.block(basic("GET", "/1")...)
			r.frame(frameHeaders, 1, 1, b[:1]...)
			for i := 1; i < len(b); i++ {
				r.frame(frameContinuation, 0, 1, b[i])
			}
			r.frame(frameContinuation, 4, 1)
		}, "headers 1 200, data 1 1 end"},

		{"8.1 trailer without END_STREAM", func(r *raw) { r.post(1, "/read"); r.headers(1, false, "x-a", "b") }, "reset 1 PROTOCOL_ERROR"},
		{"8.1 pseudo-header field in a trailer", func(r *raw) { r.post(1, "/read"); r.headers(1, true, ":method", "GET") }, "reset 1 PROTOCOL_ERROR"},
		{"8.1.1 less than Content-Length", func(r *raw) { r.post(1, "/read", "content-length", "2"); r.frame(frameData, 1, 1, 'x') }, "reset 1 PROTOCOL_ERROR"},
		{"8.1.1 more than Content-Length", func(r *raw) { r.post(1, "/read", "content-length", "1"); r.frame(frameData, 0, 1, 'x', 'y') }, "reset 1 PROTOCOL_ERROR"},
		{"8.1.1 less, before a trailer", func(r *raw) { r.post(1, "/read", "content-length", "1"); r.headers(1, true, "x-a", "b") }, "reset 1 PROTOCOL_ERROR"},
		{"8.1.1 Content-Length without a body", func(r *raw) { r.headers(1, true, basic("POST", "/0", "content-length", "1")...) }, "reset 1 PROTOCOL_ERROR"},
		{"8.1.1 as much as Content-Length", func(r *raw) { r.post(1, "/read", "content-length", "1"); r.frame(frameData, 1, 1, 'x') }, "headers 1 200, data 1 1 end"},
		{"8.1 an answer before the body's end", func(r *raw) {
			r.post(1, "/1")
			r.settle()
			r.frame(frameData, 0, 1, 'x')
			r.frame(frameData, 1, 1, 'x')
		}, "headers 1 200, data 1 1 end"},
		{"8.1 the body's end is its end", func(r *raw) {
			r.post(1, "/1")
			r.settle()
			r.frame(frameData, 1, 1, 'x')
			r.frame(frameData, 1, 1, 'x')
		}, "headers 1 200, data 1 1 end, reset 1 STREAM_CLOSED"},
		{"8.1 an answer before the body's trailer", func(r *raw) { r.post(1, "/1"); r.settle(); r.headers(1, true, "x-a", "b") }, "headers 1 200, data 1 1 end"},
	} {
		bubble(t, test.name, func(t *testing.T, s *Server) {
			r := dial(t, s)
			test.send(r)
			r.want(test.want)
		})
	}
}

func TestPreface(t *testing.T) {
	const greeting = "settings ack=false, window 0 983041"
	for name, test := range map[string]struct {
		send func(r *raw)
		want string
	}{
		"HTTP/1.1":           {func(r *raw) { r.write([]byte("GET / HTTP/1.1\r\n")) }, ", goaway 0 PROTOCOL_ERROR, closed"},
		"in two":             {func(r *raw) { r.write([]byte(preface[:5])); r.write([]byte(preface[5:])); r.frame(frameSettings, 0, 0) }, ", settings ack=true"},
		"no SETTINGS":        {func(r *raw) { r.write([]byte(preface)); r.frame(framePing, 0, 0, make([]byte, 8)...) }, ", goaway 0 PROTOCOL_ERROR, closed"},
		"an ACK":             {func(r *raw) { r.write([]byte(preface)); r.frame(frameSettings, 1, 0) }, ", goaway 0 PROTOCOL_ERROR, closed"},
		"nothing":            {func(r *raw) { <-time.After(11 * time.Second) }, ", goaway 0 NO_ERROR, closed"},
		"half, then nothing": {func(r *raw) { r.write([]byte(preface[:5])); <-time.After(11 * time.Second) }, ", goaway 0 NO_ERROR, closed"},
	} {
		bubble(t, name, func(t *testing.T, s *Server) {
			r := dialOnly(t, s)
			test.send(r)
			r.want(greeting + test.want)
		})
	}
}
