package http1

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// answering makes a handler that answers everything alike.
func answering(resp func() *message.Response) *handler {
	return handle(func(context.Context, *message.Request) *message.Response { return resp() })
}

func readable(s string) *stream { return &stream{Reader: strings.NewReader(s)} }

func TestHowAnswersAreFramed(t *testing.T) {
	date := message.Header{{Name: "Date", Value: "now"}}
	get, head, old, kept := ok+"\r\n", "HEAD /x HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET /x HTTP/1.0\r\n\r\n", "GET /x HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"
	trailer := func() message.Header {
		return message.Header{{Name: "T", Value: "u"}, {Name: "Content-Length", Value: "1"}}
	}
	for _, c := range []struct {
		name, request string
		resp          *message.Response
		want          string
	}{
		{"known length", get, &message.Response{Status: 200, Header: date, Body: readable("hello"), Length: 5}, "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 5\r\n\r\nhello"},
		{"no body", get, &message.Response{Status: 404, Header: date}, "HTTP/1.1 404 Not Found\r\nDate: now\r\nContent-Length: 0\r\n\r\n"},
		{"unknown length", get, &message.Response{Status: 200, Header: date, Body: readable("hello"), Length: -1}, "HTTP/1.1 200 OK\r\nDate: now\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
		{"unknown length, nothing", get, &message.Response{Status: 200, Header: date, Body: readable(""), Length: -1}, "HTTP/1.1 200 OK\r\nDate: now\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{"trailer", get, &message.Response{Status: 200, Header: date, Body: readable("hello"), Length: -1, Trailer: trailer}, "HTTP/1.1 200 OK\r\nDate: now\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nT: u\r\n\r\n"},
		{"live", get, &message.Response{Status: 200, Header: date, Body: readable("hello"), Length: -1, Live: true}, "HTTP/1.1 200 OK\r\nDate: now\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
		{"HEAD", head, &message.Response{Status: 200, Header: date, Body: readable("hello"), Length: 5}, "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 5\r\n\r\n"},
		{"HEAD without a body", head, &message.Response{Status: 200, Header: date, Length: 5}, "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 5\r\n\r\n"},
		{"HEAD of unknown length", head, &message.Response{Status: 200, Header: date, Length: -1}, "HTTP/1.1 200 OK\r\nDate: now\r\n\r\n"},
		{"204", get, &message.Response{Status: 204, Header: date, Body: readable("x"), Length: -1}, "HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n"},
		{"304", get, &message.Response{Status: 304, Header: date, Length: 5}, "HTTP/1.1 304 Not Modified\r\nDate: now\r\n\r\n"},
		{"unknown status", get, &message.Response{Status: 299, Header: date}, "HTTP/1.1 299 \r\nDate: now\r\nContent-Length: 0\r\n\r\n"},
		{"status above 599", get, &message.Response{Status: 999, Header: date}, "HTTP/1.1 999 \r\nDate: now\r\nContent-Length: 0\r\n\r\n"},
		{"HTTP/1.0", old, &message.Response{Status: 200, Header: date, Body: readable("hello"), Length: 5}, "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"},
		{"HTTP/1.0 that is kept", kept, &message.Response{Status: 200, Header: date, Body: readable("hello"), Length: 5}, "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello"},
		{"HTTP/1.0, unknown length", kept, &message.Response{Status: 200, Header: date, Body: readable("hello"), Length: -1, Trailer: trailer}, "HTTP/1.1 200 OK\r\nDate: now\r\nConnection: close\r\n\r\nhello"},
		{"fields that are ours", get, &message.Response{Status: 200, Length: 0, Header: message.Header{{Name: "Date", Value: "now"}, {Name: "content-length", Value: "9"}, {Name: "Connection", Value: "X"}, {Name: "Keep-Alive", Value: "9"},
			{Name: "Transfer-Encoding", Value: "chunked"}, {Name: "TRAILER", Value: "T"}, {Name: "upgrade", Value: "h2c"}, {Name: "Proxy-Connection", Value: "x"}, {Name: "", Value: "x"}, {Name: "Content-Lengths", Value: "1"}}},
			"HTTP/1.1 200 OK\r\nDate: now\r\nContent-Lengths: 1\r\nContent-Length: 0\r\n\r\n"},
		{"line ends in values", get, &message.Response{Status: 200, Length: 0, Header: message.Header{{Name: "Date", Value: "now"}, {Name: "Connection", Value: "x"}, {Name: "A", Value: "b\r\nSet-Cookie: c\x00d\ne\rf"}, {Name: "B\r\nC", Value: "d"}, {Name: "E F", Value: "g"}, {Name: "H", Value: "i"}}},
			"HTTP/1.1 200 OK\r\nDate: now\r\nA: b  Set-Cookie: c d e f\r\nH: i\r\nContent-Length: 0\r\n\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := answering(func() *message.Response { return c.resp })
			got := speak(t, h, c.request)
			if got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			if len(h.deliveries) != 1 {
				t.Fatal(h.deliveries)
			}
			_, payload, _ := strings.Cut(c.want, "\r\n\r\n")
			if strings.Contains(payload, "0\r\n") {
				payload = strings.Repeat("x", strings.Count(payload, "hello")*5)
			}
			d := h.deliveries[0]
			if d.Err != nil || d.Bytes != int64(len(got)) || d.Body != int64(len(payload)) || d.First.IsZero() || d.Ended.Before(d.First) {
				t.Errorf("%+v, body %q", d, payload)
			}
			if s, ok := c.resp.Body.(*stream); ok && !s.closed {
				t.Error("the body is not closed")
			}
		})
	}
}

func TestConnectionIsKeptOrClosed(t *testing.T) {
	const one, oh = "GET /x HTTP/1.1\r\nHost: a.test\r\n", "GET /x HTTP/1.0\r\n"
	for request, kept := range map[string]bool{
		one + "\r\n": true, one + "Connection: close\r\n\r\n": false, one + "Connection: x , CLOSE\r\n\r\n": false, one + "Connection: keep-alive\r\nConnection: x,close,\r\n\r\n": false,
		one + "Connection: closed\r\n\r\n": true, one + "Connection: \"close\"\r\n\r\n": true, oh + "\r\n": false, oh + "Connection: keep-alive\r\n\r\n": true, oh + "Connection: keep-alive, close\r\n\r\n": false,
	} {
		got := speak(t, handle(echo), request+request)
		if n := strings.Count(got, "HTTP/1.1 200"); n != 2 && kept || n != 1 && !kept || strings.Contains(got, "Connection: close") == kept {
			t.Errorf("%q: %q", request, got)
		}
	}
}

func TestDateIsAddedWhereThereIsNone(t *testing.T) {
	got := speak(t, answering(func() *message.Response { return &message.Response{Status: 200} }), ok+"\r\n")
	_, date, _ := strings.Cut(got, "Date: ")
	date, _, _ = strings.Cut(date, "\r\n")
	if d, err := http.ParseTime(date); err != nil || time.Since(d).Abs() > time.Minute {
		t.Errorf("%q %v", got, err)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	ours, origin := net.Pipe()
	for _, resp := range []*message.Response{nil, {}, {Status: 101}, {Status: 100}, {Status: 1000}, {Status: 101, Upgraded: ours}} {
		got := speak(t, answering(func() *message.Response { return resp }), ok+"\r\n"+ok+"\r\n")
		if !strings.HasPrefix(got, "HTTP/1.1 500 ") || strings.Count(got, "HTTP/1.1") != 1 {
			t.Errorf("%+v: %q", resp, got)
		}
	}
	if _, err := origin.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("an upgrade that was not asked for is left open: %v", err)
	}
}

func TestAPanicEndsItsConnectionAlone(t *testing.T) {
	s, addr := listen(t, answering(func() *message.Response { panic("boom") }))
	for range 2 {
		c := connect(t, addr)
		_, _ = io.WriteString(c, ok+"\r\n")
		if got, _ := io.ReadAll(c); len(got) > 0 {
			t.Errorf("%q", got)
		}
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// pieces is a body that hands out what lies somewhere.
type pieces struct {
	stream
	of  [][]byte
	err error
}

func (p *pieces) Next() ([]byte, error) {
	if len(p.of) == 0 {
		if p.err != nil {
			return nil, p.err
		}
		return nil, io.EOF
	}
	next := p.of[0]
	p.of = p.of[1:]
	return next, nil
}

// sections is a body of which pieces lie in a file: those that are nil.
type sections struct {
	pieces
	file *os.File
	size int64
}

func (s *sections) Section() (*os.File, int64, int64, error) {
	if len(s.of) == 0 {
		return nil, 0, 0, io.EOF
	}
	if s.of[0] != nil {
		return nil, 0, 0, nil
	}
	s.of = s.of[1:]
	return s.file, 3, s.size, nil
}

func pattern(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%d,", i)
	}
	return b.String()[:n]
}

// fetch asks a real server once and reads the answer by net/http.
func fetch(t *testing.T, addr, request string) (*http.Response, string) {
	t.Helper()
	c := connect(t, addr)
	_, _ = io.WriteString(c, request)
	return read(t, bufio.NewReader(c))
}

func read(t *testing.T, r *bufio.Reader) (*http.Response, string) {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("after %d bytes: %v", len(body), err)
	}
	return resp, string(body)
}

func TestBodiesArriveWhole(t *testing.T) {
	big := pattern(5 << 20)
	file, err := os.Create(filepath.Join(t.TempDir(), "object"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	if _, err := file.WriteString("abc" + big); err != nil {
		t.Fatal(err)
	}
	inPieces := func(size int, s string) (out [][]byte) {
		for ; len(s) > 0; s = s[min(size, len(s)):] {
			out = append(out, []byte(s[:min(size, len(s))]))
		}
		return out
	}
	bodies := map[string]func() (io.ReadCloser, string){
		"small": func() (io.ReadCloser, string) { return readable("hello"), "hello" },
		"read":  func() (io.ReadCloser, string) { return readable(big), big },
		"read by bytes": func() (io.ReadCloser, string) {
			return &stream{Reader: iotest.OneByteReader(strings.NewReader(big[:40000]))}, big[:40000]
		},
		"read with an early EOF": func() (io.ReadCloser, string) {
			return &stream{Reader: iotest.DataErrReader(strings.NewReader(big))}, big
		},
		"one piece":     func() (io.ReadCloser, string) { return &pieces{of: inPieces(1024, big[:1024])}, big[:1024] },
		"small pieces":  func() (io.ReadCloser, string) { return &pieces{of: inPieces(1000, big)}, big },
		"large pieces":  func() (io.ReadCloser, string) { return &pieces{of: inPieces(100_000, big)}, big },
		"a large piece": func() (io.ReadCloser, string) { return &pieces{of: [][]byte{[]byte(big)}}, big },
		"16 KiB pieces": func() (io.ReadCloser, string) { return &pieces{of: inPieces(writeSize, big)}, big },
		"file": func() (io.ReadCloser, string) {
			return &sections{pieces{of: [][]byte{nil}}, file, int64(len(big))}, big
		},
		"small file": func() (io.ReadCloser, string) { return &sections{pieces{of: [][]byte{nil}}, file, 1000}, big[:1000] },
		"file in pieces": func() (io.ReadCloser, string) {
			return &sections{pieces{of: [][]byte{[]byte("a"), nil, []byte("b"), nil, nil, []byte(big)}}, file, 100_000}, "a" + big[:100_000] + "b" + big[:100_000] + big[:100_000] + big
		},
	}
	for name, make := range bodies {
		for _, length := range []bool{true, false} {
			for _, live := range []bool{true, false} {
				for _, version := range []string{"1.1", "1.0"} {
					t.Run(fmt.Sprintf("%s/length=%t/live=%t/%s", name, length, live, version), func(t *testing.T) {
						_, want := make()
						h := answering(func() *message.Response {
							b, _ := make()
							r := &message.Response{Status: 200, Body: b, Length: -1, Live: live}
							if length {
								r.Length = int64(len(want))
							}
							return r
						})
						_, addr := listen(t, h)
						resp, got := fetch(t, addr, "GET / HTTP/"+version+"\r\nHost: a.test\r\n\r\n")
						if got != want {
							t.Errorf("%d bytes instead of %d", len(got), len(want))
						}
						if length != (resp.ContentLength >= 0) {
							t.Errorf("length %d", resp.ContentLength)
						}
						<-h.delivered
						if d := h.deliveries[0]; d.Err != nil || d.Body != int64(len(want)) || d.Bytes <= d.Body {
							t.Errorf("%+v", d)
						}
					})
				}
			}
		}
	}
}

var errOrigin = errors.New("the origin broke off")

func TestABodyThatBreaksOffBreaksTheConnection(t *testing.T) {
	for _, c := range []struct {
		name    string
		request string
		length  int64
		of      [][]byte
		err     error
	}{
		{"known length, early end", ok + "\r\n", 10, [][]byte{[]byte("hello")}, nil},
		{"known length, error", ok + "\r\n", 10, [][]byte{[]byte("hello")}, errOrigin},
		{"chunked, error", ok + "\r\n", -1, [][]byte{[]byte("hello")}, errOrigin},
		{"chunked, large, error", ok + "\r\n", -1, [][]byte{make([]byte, 100_000)}, errOrigin},
		{"delimited, error", "GET / HTTP/1.0\r\n\r\n", -1, [][]byte{[]byte("hello")}, errOrigin},
		{"nothing", ok + "\r\n", 10, nil, errOrigin},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := answering(func() *message.Response {
				return &message.Response{Status: 200, Body: &pieces{of: c.of, err: c.err}, Length: c.length}
			})
			_, addr := listen(t, h)
			conn := connect(t, addr)
			_, _ = io.WriteString(conn, c.request)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
			} else if c.name != "delimited, error" { // the reset may overtake the head
				t.Error(err)
			}
			if err == nil {
				t.Error("the viewer takes the body for whole")
			}
			<-h.delivered
			if d := h.deliveries[0]; d.Err == nil || c.err != nil && !errors.Is(d.Err, c.err) {
				t.Errorf("%+v", d)
			}
		})
	}
}

func TestLivePiecesArePassedOnAtOnce(t *testing.T) {
	for _, length := range []int64{-1, 6} {
		r, w := io.Pipe()
		_, addr := listen(t, answering(func() *message.Response {
			return &message.Response{Status: 200, Body: r, Length: length, Live: true}
		}))
		conn := connect(t, addr)
		_, _ = io.WriteString(conn, ok+"\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil) // the head comes before any of the body
		if err != nil {
			t.Fatal(err)
		}
		for _, piece := range []string{"abc", "def"} {
			_, _ = io.WriteString(w, piece)
			got := make([]byte, 3)
			if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != piece {
				t.Errorf("%q %v", got, err)
			}
		}
		_ = w.Close()
		if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 {
			t.Errorf("%q %v", rest, err)
		}
	}
}

func TestInterimAnswersComeFirst(t *testing.T) {
	h := handle(func(_ context.Context, r *message.Request) *message.Response {
		if r.Interim != nil {
			for _, status := range []int{100, 101, 102, 103, 200} {
				r.Interim(status, message.Header{{Name: "Link", Value: "</a>"}, {Name: "Content-Length", Value: "1"}})
			}
		}
		return text("x")
	})
	got := speak(t, h, ok+"\r\n"+"GET / HTTP/1.0\r\n\r\n")
	want := "HTTP/1.1 102 Processing\r\nLink: </a>\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 1\r\n\r\nx" +
		"HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"
	if got != want {
		t.Errorf("%q", got)
	}
	if d := h.deliveries[0]; d.Bytes != int64(strings.LastIndex(want, "HTTP/")) || d.Body != 1 {
		t.Errorf("%+v", d)
	}
}

func TestWhenTheFirstAndTheLastByteLeft(t *testing.T) {
	for _, size := range []int{1 << 10, 1 << 20, 32 << 20} {
		h := answering(func() *message.Response {
			return &message.Response{Status: 200, Body: &pieces{of: [][]byte{make([]byte, size)}}, Length: int64(size)}
		})
		_, addr := listen(t, h)
		c := connect(t, addr)
		_, _ = io.WriteString(c, ok+"\r\n")
		r := bufio.NewReader(c)
		if _, err := r.Peek(1); err != nil {
			t.Fatal(err)
		}
		arrived := time.Now()
		if size > 16<<20 { // more than the kernel takes: it is not all gone
			select {
			case <-h.delivered:
				t.Error("it is delivered before it is read")
			case <-time.After(20 * time.Millisecond):
			}
		}
		began := time.Time{} // of reading what is not all written
		if size > 16<<20 {
			began = time.Now()
		}
		_, _ = read(t, r)
		<-h.delivered
		h.mu.Lock()
		d := h.deliveries[0]
		h.mu.Unlock()
		// A small answer's one reading of the clock comes after its write.
		if d.First.After(arrived.Add(10*time.Millisecond)) && size > 1<<10 || d.Ended.Before(began) || d.Ended.Before(d.First) {
			t.Errorf("%d bytes: first %v after it arrived, ended %v after that", size, d.First.Sub(arrived), d.Ended.Sub(d.First))
		}
	}
}
