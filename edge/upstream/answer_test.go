package upstream

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// TestAnswersThatAreRefused: whatever two readers could read in two ways is passed
// on to nobody.
func TestAnswersThatAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"no HTTP":                     "SSH-2.0-OpenSSH\r\n\r\n",
		"HTTP/2 in words":             "HTTP/2.0 200 OK\r\n\r\n",
		"lower case":                  "http/1.1 200 OK\r\n\r\n",
		"no status":                   "HTTP/1.1\r\n\r\n",
		"empty status":                "HTTP/1.1  OK\r\n\r\n",
		"short status":                "HTTP/1.1 20 OK\r\n\r\n",
		"long status":                 "HTTP/1.1 0200 OK\r\n\r\n",
		"status of letters":           "HTTP/1.1 2xx OK\r\n\r\n",
		"signed status":               "HTTP/1.1 +20 OK\r\n\r\n",
		"status 099":                  "HTTP/1.1 099 OK\r\n\r\n",
		"status 600":                  "HTTP/1.1 600 OK\r\n\r\n",
		"status 999":                  "HTTP/1.1 999 OK\r\n\r\n",
		"control byte in the reason":  "HTTP/1.1 200 O\x01K\r\n\r\n",
		"empty line first":            "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"field before the status":     " HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"TE and CL":                   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		"CL and TE":                   "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"unknown TE and CL":           "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: nonsense\r\n\r\nhello",
		"TE and CL to a 304":          "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		"two lengths":                 "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
		"two lengths in one":          "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello!",
		"half a length":               "HTTP/1.1 200 OK\r\nContent-Length: 5,\r\n\r\nhello",
		"a signed length":             "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
		"a negative length":           "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
		"a length in hex":             "HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello",
		"an empty length":             "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhello",
		"too large a length":          "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\nhello",
		"obs-fold":                    "HTTP/1.1 200 OK\r\nA: 1\r\n 2\r\nContent-Length: 0\r\n\r\n",
		"obs-fold with a tab":         "HTTP/1.1 200 OK\r\nA: 1\r\n\t2\r\nContent-Length: 0\r\n\r\n",
		"obs-fold at once":            "HTTP/1.1 200 OK\r\n A: 1\r\nContent-Length: 0\r\n\r\n",
		"no colon":                    "HTTP/1.1 200 OK\r\nA\r\nContent-Length: 0\r\n\r\n",
		"no name":                     "HTTP/1.1 200 OK\r\n: 1\r\nContent-Length: 0\r\n\r\n",
		"space in a name":             "HTTP/1.1 200 OK\r\nA B: 1\r\nContent-Length: 0\r\n\r\n",
		"a name of other letters":     "HTTP/1.1 200 OK\r\nÄ: 1\r\nContent-Length: 0\r\n\r\n",
		"NUL in a value":              "HTTP/1.1 200 OK\r\nA: 1\x002\r\nContent-Length: 0\r\n\r\n",
		"control byte in a value":     "HTTP/1.1 200 OK\r\nA: 1\x1b2\r\nContent-Length: 0\r\n\r\n",
		"DEL in a value":              "HTTP/1.1 200 OK\r\nA: 1\x7f2\r\nContent-Length: 0\r\n\r\n",
		"bare CR in a value":          "HTTP/1.1 200 OK\r\nA: 1\rSet-Cookie: x=y\r\nContent-Length: 0\r\n\r\n",
		"two CR":                      "HTTP/1.1 200 OK\r\nA: 1\r\r\nContent-Length: 0\r\n\r\n",
		"chunked twice":               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"chunked not last":            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
		"a coding nobody asked for":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"gzip alone":                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: GZip;q=1\r\n\r\nx",
		"chunked by HTTP/1.0":         "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"another protocol":            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
		"too many interim answers":    strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", maxInterim+1) + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"an interim answer malformed": "HTTP/1.1 103 Early Hints\r\n Link: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	} {
		o := serveRaw(t, func(c *rawConn, _ int) {
			c.request()
			c.say(text)
		})
		u, origin := asker(t, o.Addr(), Config{})
		resp, body, err := get(t, u, origin, request("/"))
		if reason(err) != BadResponse || resp != nil {
			t.Errorf("%s: %v, %+v %q", name, err, resp, body)
		}
		if _, seen := o.seen(); len(seen) != 1 {
			t.Errorf("%s: asked %d times", name, len(seen))
		}
	}
}

// TestBodiesThatAreRefused: what was passed on before cannot be taken back, but
// the end is an error, never an end.
func TestBodiesThatAreRefused(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for name, c := range map[string]struct {
		text, body string
		want       Reason
	}{
		"shorter than its length":   {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", "hello", Read},
		"no last chunk":             {head + "5\r\nhello\r\n", "hello", Read},
		"no trailer":                {head + "5\r\nhello\r\n0\r\n", "hello", Read},
		"in a chunk":                {head + "a\r\nhello", "hello", Read},
		"no size":                   {head + "\r\nhello\r\n0\r\n\r\n", "", BadResponse},
		"a size of other letters":   {head + "5g\r\nhello\r\n0\r\n\r\n", "", BadResponse},
		"a size with a prefix":      {head + "0x5\r\nhello\r\n0\r\n\r\n", "", BadResponse},
		"a signed size":             {head + "+5\r\nhello\r\n0\r\n\r\n", "", BadResponse},
		"a negative size":           {head + "-5\r\nhello\r\n0\r\n\r\n", "", BadResponse},
		"space before the size":     {head + " 5\r\nhello\r\n0\r\n\r\n", "", BadResponse},
		"too large a size":          {head + "8000000000000000\r\nhello\r\n0\r\n\r\n", "", BadResponse},
		"a chunk longer than said":  {head + "4\r\nhello\r\n0\r\n\r\n", "hell", BadResponse},
		"a chunk shorter than said": {head + "6\r\nhello\r\n0\r\n\r\n", "hello\r", BadResponse},
		"bare LF behind the size":   {head + "5\nhello\r\n0\r\n\r\n", "", BadResponse},
		"bare LF behind the chunk":  {head + "5\r\nhello\n0\r\n\r\n", "hello", BadResponse},
		"a long extension":          {head + "5;" + strings.Repeat("x", 300) + "\r\nhello\r\n0\r\n\r\n", "", BadResponse},
		"a malformed trailer":       {head + "5\r\nhello\r\n0\r\nA : \x00\r\n\r\n", "hello", BadResponse},
	} {
		o := serveRaw(t, func(rc *rawConn, _ int) {
			rc.request()
			rc.say(c.text)
		})
		u, origin := asker(t, o.Addr(), Config{})
		if _, body, err := get(t, u, origin, request("/")); reason(err) != c.want || body != c.body {
			t.Errorf("%s: %q, %v", name, body, err)
		}
	}
}

// TestAnswersThatAreRead, each twice: what can be on a connection once more is.
func TestAnswersThatAreRead(t *testing.T) {
	for name, c := range map[string]struct {
		text, method string
		status       int
		body         string
		length       int64
		header       message.Header
		again        bool
	}{
		"a length":               {"HTTP/1.1 200 OK\r\nB: 2\r\na:1 \r\nContent-Length: 5\r\n\r\nhello", "GET", 200, "hello", 5, message.Header{{Name: "B", Value: "2"}, {Name: "a", Value: "1"}, {Name: "Content-Length", Value: "5"}}, true},
		"the same length twice":  {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5 , 5\r\n\r\nhello", "GET", 200, "hello", 5, message.Header{{Name: "Content-Length", Value: "5"}}, true},
		"chunks":                 {"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2;a=b\r\nhe\r\n03 \r\nllo\r\n0\r\nX: y\r\n\r\n", "GET", 200, "hello", -1, message.Header{}, true},
		"no reason":              {"HTTP/1.1 204\r\n\r\n", "GET", 204, "", 0, message.Header{}, true},
		"lines that end in LF":   {"HTTP/1.1 404 Not Found\nContent-Length: 2\nA: b\n\nno", "GET", 404, "no", 2, message.Header{{Name: "Content-Length", Value: "2"}, {Name: "A", Value: "b"}}, true},
		"space before the colon": {"HTTP/1.1 200 OK\r\nContent-Length \t: 2\r\n\r\nok", "GET", 200, "ok", 2, message.Header{{Name: "Content-Length", Value: "2"}}, true},
		"until it closes":        {"HTTP/1.1 200 OK\r\n\r\nhello", "GET", 200, "hello", -1, message.Header{}, false},
		"HTTP/1.0":               {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "GET", 200, "hello", 5, message.Header{{Name: "Content-Length", Value: "5"}}, false},
		"HTTP/1.0 that stays":    {"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\nhello", "GET", 200, "hello", 5, message.Header{{Name: "Content-Length", Value: "5"}}, true},
		"close":                  {"HTTP/1.1 200 OK\r\nConnection: a, Close\r\nContent-Length: 5\r\nA: 1\r\n\r\nhello", "GET", 200, "hello", 5, message.Header{{Name: "Content-Length", Value: "5"}}, false},
		"HEAD":                   {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD", 200, "", 5, message.Header{{Name: "Content-Length", Value: "5"}}, true},
		"HEAD, chunked":          {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD", 200, "", -1, message.Header{}, true},
		"304":                    {"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 5\r\n\r\n", "GET", 304, "", 0, message.Header{{Name: "ETag", Value: `"a"`}, {Name: "Content-Length", Value: "5"}}, true},
		"an empty body":          {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "GET", 200, "", 0, message.Header{{Name: "Content-Length", Value: "0"}}, true},
		"other letters":          {"HTTP/1.1 599 \xe4\r\nA: \xe4\tb\r\nContent-Length: 0\r\n\r\n", "GET", 599, "", 0, message.Header{{Name: "A", Value: "\xe4\tb"}, {Name: "Content-Length", Value: "0"}}, true},
		// Of no coding: the bytes are what they are, and end with the connection.
		"a transfer coding there is not": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: qwertz\r\nConnection: keep-alive\r\n\r\nhello", "GET", 200, "hello", -1, message.Header{}, false},
		"more than the answer":           {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", "GET", 200, "hello", 5, message.Header{{Name: "Content-Length", Value: "5"}}, false},
		"100 before it":                  {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "GET", 200, "ok", 2, message.Header{{Name: "Content-Length", Value: "2"}}, true},
	} {
		o := serveRaw(t, func(rc *rawConn, _ int) {
			for rc.request() != nil {
				if rc.say(c.text); !c.again {
					return
				}
			}
		})
		u, origin := asker(t, o.Addr(), Config{})
		for range 2 {
			r := request("/")
			r.Method = c.method
			resp, body, err := get(t, u, origin, r)
			if err != nil || resp.Status != c.status || body != c.body || resp.Length != c.length || !reflect.DeepEqual(resp.Header, c.header) {
				t.Errorf("%s: %v, %+v %q", name, err, resp, body)
			}
		}
		conns, requests := o.seen()
		if want := map[bool]int{true: 1, false: 2}[c.again]; conns != want || len(requests) != 2 {
			t.Errorf("%s: %d connections for %d requests", name, conns, len(requests))
		}
	}
}

// FuzzAnswer holds the reading of answers to net/http's: what is accepted is what
// net/http makes of the same bytes.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: b\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n",
		"HTTP/1.0 404 \nA:\n\nrest", "HTTP/1.1 304 X\r\nContent-Length: 3, 3\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close, A\r\nA: 1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: x\r\n\r\nabc", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	} {
		f.Add([]byte(seed), "GET")
		f.Add([]byte(seed), "HEAD")
	}
	u, err := New(Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, wire []byte, method string) {
		if method != "HEAD" {
			method = "GET"
		}
		x := &exchange{ctx: context.Background(), pool: newPool(u, place{scheme: "http"}), req: &message.Request{Method: method, Path: "/"}, timeout: time.Minute}
		defer x.pool.close()
		resp, err := x.http1(&conn{Conn: &canned{r: bytes.NewReader(wire)}, buffers: &u.buffers})
		if err != nil {
			if reason(err) != BadResponse && reason(err) != HeaderTooBig {
				t.Fatal(err)
			}
			return
		}
		body, err := io.ReadAll(resp.Body)
		resp.Close()
		if bytes.Contains(wire, []byte(" :")) || bytes.Contains(wire, []byte("\t:")) {
			return // the space is removed here, part of the name there
		}
		all := bufio.NewReader(bytes.NewReader(wire))
		want, wantErr := http.ReadResponse(all, &http.Request{Method: method})
		for wantErr == nil && want.StatusCode < 200 {
			want, wantErr = http.ReadResponse(all, &http.Request{Method: method})
		}
		if wantErr != nil {
			if strings.Contains(wantErr.Error(), "unsupported transfer encoding") || strings.Contains(wantErr.Error(), "bad Content-Length") {
				return // read as RFC 9112 has it
			}
			t.Fatalf("accepted %d %q, which net/http refuses: %v", resp.Status, resp.Header, wantErr)
		}
		wantBody, wantErr := io.ReadAll(want.Body)
		if resp.Status != want.StatusCode || resp.Length >= 0 && resp.Length != max(want.ContentLength, 0) && method == "GET" || err == nil && (wantErr != nil || !bytes.Equal(body, wantBody)) {
			t.Fatalf("%d %d %q %v, net/http: %d %d %q %v", resp.Status, resp.Length, body, err, want.StatusCode, want.ContentLength, wantBody, wantErr)
		}
		for _, f := range resp.Header {
			if !validField(f) || len(want.Header.Values(f.Name)) == 0 {
				t.Fatalf("field %q, net/http has %q", f, want.Header)
			}
		}
	})
}

// canned is a connection on which everything has been said.
type canned struct {
	net.Conn
	r *bytes.Reader
}

func (c *canned) Read(p []byte) (int, error)       { return c.r.Read(p) }
func (c *canned) Write(p []byte) (int, error)      { return len(p), nil }
func (c *canned) Close() error                     { return nil }
func (c *canned) SetDeadline(time.Time) error      { return nil }
func (c *canned) SetReadDeadline(time.Time) error  { return nil }
func (c *canned) SetWriteDeadline(time.Time) error { return nil }
