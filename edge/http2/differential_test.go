package http2

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	xhttp2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/warmfront/warmfront/edge/message"
)

// library is net/http's server, which says what it makes of a header list.
type library struct {
	t    *testing.T
	nc   net.Conn
	fr   *xhttp2.Framer
	enc  *hpack.Encoder
	buf  bytes.Buffer
	next uint32
	got  chan string
	out  chan func() // writes, in order: the pipe holds nothing
}

func newLibrary(t *testing.T) *library {
	server, viewer := net.Pipe()
	l := &library{t: t, nc: viewer, next: 1, got: make(chan string, 1), out: make(chan func(), 10)}
	l.enc = hpack.NewEncoder(&l.buf)
	//nolint:staticcheck // ServeConn takes a pipe, which the ways it recommends do not
	go new(xhttp2.Server).ServeConn(server, &xhttp2.ServeConnOpts{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := message.Header{}
		for name, values := range r.Header {
			for _, v := range values {
				h.Add(strings.ToLower(name), v)
			}
		}
		l.got <- described(r.Method, hostOf(r.Host), r.RequestURI, h)
	})})
	l.fr = xhttp2.NewFramer(viewer, viewer)
	l.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	t.Cleanup(func() {
		viewer.Close()
		close(l.out)
	})
	go func() {
		for write := range l.out {
			write()
		}
	}()
	l.out <- func() {
		viewer.Write([]byte(preface))
		l.fr.WriteSettings()
	}
	return l
}

// described is a request in words, its fields sorted.
func described(method, host, target string, h message.Header) string {
	lines := make([]string, len(h))
	for i, f := range h {
		lines[i] = fmt.Sprintf("%s: %q", f.Name, f.Value)
	}
	slices.Sort(lines)
	return fmt.Sprintf("%s %s %s %v", method, host, target, lines)
}

// ask returns how the library describes the request, or "refused".
func (l *library) ask(fields []hpack.HeaderField) string {
	l.buf.Reset()
	for _, f := range fields {
		l.enc.WriteField(f)
	}
	id := l.next
	l.next += 2
	block := bytes.Clone(l.buf.Bytes())
	l.out <- func() {
		l.fr.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndStream: true, EndHeaders: true})
	}
	for {
		f, err := l.fr.ReadFrame()
		if err != nil {
			l.t.Fatal(err)
		}
		switch f := f.(type) {
		case *xhttp2.RSTStreamFrame:
			if f.StreamID == id {
				return "refused"
			}
		case *xhttp2.GoAwayFrame:
			l.t.Fatal(f)
		case *xhttp2.SettingsFrame:
			if !f.IsAck() {
				l.out <- func() { l.fr.WriteSettingsAck() }
			}
		case *xhttp2.MetaHeadersFrame:
			if f.PseudoValue("status") == "200" {
				return <-l.got
			}
			return "refused"
		}
	}
}

// ours does the same with the loop's own judge.
func ours(fields []hpack.HeaderField) (string, string) {
	var h head
	h.reset(false, nil)
	for _, f := range fields {
		h.add(f)
	}
	if h.finish(); h.flaw != "" || h.length > 0 || h.connect() {
		return "refused", h.flaw
	}
	var r message.Request
	h.fill(&r)
	return described(r.Method, r.Host, h.path, r.Header), ""
}

// stricter are the flaws that net/http lets pass: each is one on which a proxy
// behind us, or HTTP/1.1, might read another request than we did.
var stricter = []string{
	"a path that is none",                               // "#", spaces, bytes beyond ASCII, "*" for another method than OPTIONS
	"an authority that is none",                         // userinfo, odd characters
	"a Host that is not the authority",                  // RFC 9113 section 8.3.1
	"more than one Host",                                // the same
	"a Content-Length that is none",                     // net/http takes one of several, and "+1"
	"a field value with a character that none may have", // white space around it
	"a scheme that is not HTTP's",                       //
	"a method that is no token",                         //
	"a CONNECT with a scheme or a path, or without an authority",
}

// TestAgreesWithTheLibrary holds the judgement on generated header lists, most of
// them malformed somewhere, to net/http's: what that refuses is refused, and what
// is accepted reads the same.
func TestAgreesWithTheLibrary(t *testing.T) {
	random := rand.New(rand.NewPCG(9113, 1))
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	lib := newLibrary(t)
	accepted, refused := 0, 0
	for n := range 4000 {
		fields := []hpack.HeaderField{
			{Name: ":method", Value: pick("GET", "GET", "HEAD", "POST", "OPTIONS", "G T", "get", "DELETE", "")},
			{Name: ":scheme", Value: pick("https", "https", "https", "http", "ftp", "HTTPS")},
			{Name: ":authority", Value: pick("a.test", "a.test", "A.test:443", "a.test.", "[::1]:8443", "me@a.test", "a b", "")},
			{Name: ":path", Value: pick("/", "/a/b?c=d", "/a%20b", "/a%2", "/a b", "*", "", "a", "//x", "/a#b", "/?q=%zz", "/\x01", "/é", "http://b.test/c")},
		}
		for range random.IntN(5) {
			fields = append(fields, hpack.HeaderField{
				Name: pick("accept", "user-agent", "x-a", "cookie", "cookie", "host", "te", "content-length", "connection", "transfer-encoding",
					"X-Upper", "x a", "x-a:", "", "upgrade", "keep-alive", "proxy-connection", ":status", ":path", "range"),
				Value: pick("a.test", "*/*", "trailers", "0", "a=1; b=2", "x\ty", " x", "x ", "x\ny", "\x00", "é", "close", "a, b", ""),
			})
		}
		if random.IntN(4) == 0 {
			i := random.IntN(len(fields))
			fields = slices.Delete(fields, i, i+1)
		}
		if random.IntN(6) == 0 {
			random.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
		}
		want := lib.ask(fields)
		got, flaw := ours(fields)
		switch {
		case got == want && got == "refused":
			refused++
		case got == want:
			accepted++
		case got == "refused" && slices.Contains(stricter, flaw):
		default:
			t.Errorf("%d: %q\nwe say   %s %s\nthey say %s", n, fields, got, flaw, want)
		}
		if n%100 == 99 {
			lib = newLibrary(t) // it counts what it has to refuse
		}
	}
	if accepted < 100 || refused < 1000 {
		t.Errorf("%d were accepted, %d refused: the lists are one-sided", accepted, refused)
	}
}
