package http3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"

	"github.com/warmfront/warmfront/edge/message"
)

// frame is an HTTP/3 frame as it is on the wire (RFC 9114 section 7.1).
func frame(kind uint64, payload []byte) []byte {
	b := quicvarint.Append(nil, kind)
	b = quicvarint.Append(b, uint64(len(payload)))
	return append(b, payload...)
}

const (
	dataFrame     = 0x0
	headersFrame  = 0x1
	settingsFrame = 0x4
)

// headers is a HEADERS frame of "name: value" lines.
func headers(lines ...string) []byte {
	var b bytes.Buffer
	e := qpack.NewEncoder(&b)
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		_ = e.WriteField(qpack.HeaderField{Name: name, Value: value})
	}
	return frame(headersFrame, b.Bytes())
}

var get = []string{":method: GET", ":scheme: https", ":authority: www.test", ":path: /"}

func and(lines []string, more ...string) []string {
	return append(append([]string(nil), lines...), more...)
}

// outcome is what a request came to: the status of its answer, or the code that
// its stream or the connection was ended with.
func outcome(t *testing.T, s *served, setup, request []byte) string {
	t.Helper()
	conn := s.dial(t, "www.test")
	control, err := conn.OpenUniStream()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = control.Write(setup)
	str, err := conn.OpenStreamSync(t.Context())
	if err != nil {
		return ended(err)
	}
	_, _ = str.Write(request)
	_ = str.Close()
	answer, err := io.ReadAll(str)
	if err != nil {
		return ended(err)
	}
	return status(t, answer)
}

func ended(err error) string {
	var stream *quic.StreamError
	var conn *quic.ApplicationError
	switch {
	case errors.As(err, &stream):
		return "stream " + http3.ErrCode(stream.ErrorCode).String()
	case errors.As(err, &conn):
		return "connection " + http3.ErrCode(conn.ErrorCode).String()
	}
	return err.Error()
}

func status(t *testing.T, answer []byte) string {
	r := bytes.NewReader(answer)
	kind, err := quicvarint.Read(r)
	length, err2 := quicvarint.Read(r)
	if err != nil || err2 != nil || kind != headersFrame {
		t.Fatalf("the answer is %q", answer)
	}
	block := make([]byte, length)
	_, _ = io.ReadFull(r, block)
	f, err := qpack.NewDecoder().Decode(block)()
	if err != nil || f.Name != ":status" {
		t.Fatalf("%v %v", f, err)
	}
	return f.Value
}

var control = append(quicvarint.Append(nil, 0), frame(settingsFrame, nil)...)

func TestMalformedRequests(t *testing.T) {
	s := serve(t, func(_ context.Context, r *message.Request) *message.Response {
		if r.Body != nil {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return &message.Response{Status: 400}
			}
		}
		return text(fmt.Sprintf("%s %s%s", r.Method, r.Host, r.URI()))
	}, nil)
	const malformed = "stream H3_MESSAGE_ERROR"
	body := func(n int) []byte { return frame(dataFrame, make([]byte, n)) }
	post := []string{":method: POST", ":scheme: https", ":authority: www.test", ":path: /"}
	for name, c := range map[string]struct {
		request []byte
		want    string
	}{
		"well formed":                    {headers(get...), "200"},
		"unknown frames are skipped":     {append(frame(0x21, []byte("grease")), headers(get...)...), "200"},
		"no :method":                     {headers(get[1:]...), malformed},
		"no :path":                       {headers(get[:3]...), malformed},
		"empty :path":                    {headers(and(get[:3], ":path: ")...), malformed},
		":path without a slash":          {headers(and(get[:3], ":path: x")...), malformed},
		":path of absolute form":         {headers(and(get[:3], ":path: https://www.test/")...), malformed},
		"a space in :path":               {headers(and(get[:3], ":path: /a HTTP/1.1")...), "400"},
		"a space in the query":           {headers(and(get[:3], ":path: /?a b")...), "400"},
		"a fragment":                     {headers(and(get[:3], ":path: /a#b")...), "400"},
		"DEL in :path":                   {headers(and(get[:3], ":path: /\x7f")...), malformed},
		"no :scheme":                     {headers(get[0], get[2], get[3]), "200"}, // the library lets it through: it is https in any case
		"neither :authority nor Host":    {headers(":method: GET", ":scheme: https", ":path: /"), malformed},
		"Host in place of :authority":    {headers(":method: GET", ":scheme: https", ":path: /", "host: www.test"), "200"},
		"Host that differs":              {headers(and(get, "host: other.test")...), malformed},
		"userinfo":                       {headers(":method: GET", ":scheme: https", ":authority: u@www.test", ":path: /"), malformed},
		"a pseudo-header field twice":    {headers(and(get, ":path: /")...), malformed},
		"a pseudo-header field too late": {headers(":method: GET", ":scheme: https", ":path: /", "a: b", ":authority: www.test"), malformed},
		"an unknown pseudo-header field": {headers(and(get, ":x: y")...), malformed},
		"one of answers":                 {headers(and(get, ":status: 200")...), malformed},
		"upper case":                     {headers(and(get, "Accept: x")...), malformed},
		"a name that is no token":        {headers(and(get, "a b: x")...), malformed},
		"CR in a value":                  {headers(and(get, "a: b\rc: d")...), malformed},
		"LF in a value":                  {headers(and(get, "a: b\nc: d")...), malformed},
		"NUL in a value":                 {headers(and(get, "a: \x00")...), malformed},
		"Connection":                     {headers(and(get, "connection: close")...), malformed},
		"Transfer-Encoding":              {headers(and(get, "transfer-encoding: chunked")...), malformed},
		"Upgrade":                        {headers(and(get, "upgrade: h2c")...), malformed},
		"Keep-Alive":                     {headers(and(get, "keep-alive: 5")...), malformed},
		"Proxy-Connection":               {headers(and(get, "proxy-connection: close")...), malformed},
		"TE":                             {headers(and(get, "te: gzip")...), malformed},
		"TE: trailers":                   {headers(and(get, "te: trailers")...), "200"},
		"a method that is no token":      {headers(":method: G T", ":scheme: https", ":authority: www.test", ":path: /"), malformed},
		"trailers":                       {append(append(headers(post...), body(1)...), headers("a: b")...), "200"},
		"a pseudo-header field in them":  {append(append(headers(post...), body(1)...), headers(":path: /x")...), "400"},
		"a framing field in them":        {append(append(headers(post...), body(1)...), headers("content-length: 1")...), "400"},
		"body after them":                {append(append(headers(post...), headers("a: b")...), body(1)...), "400"},
		"Content-Length twice":           {append(headers(and(post, "content-length: 1", "content-length: 2")...), body(1)...), malformed},
		"Content-Length no number":       {append(headers(and(post, "content-length: +1")...), body(1)...), malformed},
		"Content-Length met":             {append(headers(and(post, "content-length: 3")...), body(3)...), "200"},
		"more than Content-Length":       {append(headers(and(post, "content-length: 3")...), body(4)...), malformed},
		"more than none":                 {append(headers(and(get, "content-length: 0")...), body(1)...), malformed},
		"less than Content-Length":       {append(headers(and(post, "content-length: 3")...), body(2)...), "400"},
		"a header of many fields":        {headers(and(get, strings.Split(strings.Repeat("a: b\n", 2100), "\n")[:2100]...)...), "431"},
		"a header of one long field":     {headers(and(get, "a: "+strings.Repeat("x", 70_000))...), "431"},
		"a tunnel":                       {headers(":method: CONNECT", ":authority: www.test:443"), "200"}, // for the core to refuse
		"a tunnel with a path":           {headers(":method: CONNECT", ":authority: www.test:443", ":path: /", ":scheme: https"), malformed},
		"body before header":             {body(1), "connection H3_FRAME_UNEXPECTED"},
		"settings on a request":          {append(headers(get...), frame(settingsFrame, nil)...), "connection H3_FRAME_UNEXPECTED"},
		"an HTTP/2 frame":                {frame(0x8, nil), "connection H3_FRAME_UNEXPECTED"},
		"a header that breaks off":       {headers(get...)[:9], "stream H3_INCOMPLETE_REQUEST"},
		"QPACK that is none":             {frame(headersFrame, []byte{0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), "stream QPACK_DECOMPRESSION_FAILED"},
		"the dynamic table":              {frame(headersFrame, []byte{2, 0, 0x80}), "stream QPACK_DECOMPRESSION_FAILED"},
	} {
		if got := outcome(t, s, control, c.request); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestMalformedConnections(t *testing.T) {
	s := serve(t, func(ctx context.Context, r *message.Request) *message.Response {
		<-ctx.Done() // the connection's end comes first
		return text("x")
	}, nil)
	for name, c := range map[string]struct {
		setup []byte
		want  string
	}{
		"no SETTINGS first":          {append(quicvarint.Append(nil, 0), frame(0x7, []byte{0})...), "connection H3_MISSING_SETTINGS"},
		"SETTINGS twice":             {append(append([]byte(nil), control...), frame(settingsFrame, nil)...), "connection H3_FRAME_UNEXPECTED"},
		"DATA on the control stream": {append(append([]byte(nil), control...), frame(dataFrame, []byte("x"))...), "connection H3_FRAME_UNEXPECTED"},
		"a push by the viewer":       {quicvarint.Append(nil, 1), "connection H3_STREAM_CREATION_ERROR"},
	} {
		if got := outcome(t, s, c.setup, headers(get...)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
