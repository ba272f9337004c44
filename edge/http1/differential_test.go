package http1

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/edge/http1/authority"
	"github.com/warmfront/warmfront/edge/message"
)

// stricter are the sentences of what net/http takes and we refuse, each with the
// reason. Whatever else we refuse it has to refuse as well.
var stricter = map[*refusal]string{
	errBareLF:      "RFC 9112 section 2.2 lets a recipient take it; who does not sees another message",
	errMethod:      "net/http skips up to four bytes of line ends behind a POST, we one line end",
	errVersion:     "there is no HTTP/1.2 to be compatible with",
	errConnect:     "an edge is no forward proxy",
	errTargetByte:  "a byte that RFC 3986 does not allow: origins differ in what they make of it",
	errTargetForm:  "net/http reads any URL, and authority form for any method",
	errHost:        "no distribution has such a name",
	errFold:        "RFC 9112 section 5.2 asks for it",
	errFieldCount:  "a limit of ours",
	errLengths:     "equal lengths are a mistake at best",
	errBothLengths: "RFC 9112 section 6.1: may be an attempt at request smuggling",
	errCodingOf10:  "the same: net/http ignores it",
	errExpectation: "net/http looks at the first of several alone, and takes an empty one",

	errChunkSize:      "whitespace behind a size, and sizes of 16 digits",
	errChunkExtension: "a limit of ours",
	errTrailer:        "fields that say how a message is read or where it goes come too late",
	errTrailerSize:    "a limit of ours",
}

// reading is what a server made of one request.
type reading struct {
	method, uri, host, body, trailer string
	fields                           []string
	minor                            int
	length                           int64
	broken                           bool // the body could not be read to its end
}

func (r reading) String() string {
	return fmt.Sprintf("%s %q %q 1.%d %d %q %q %q broken=%t", r.method, r.uri, r.host, r.minor, r.length, r.fields, r.body, r.trailer, r.broken)
}

// ours reads what is said with the server of this package, and returns the status
// of what was refused, 0 if nothing was.
func readByUs(t testing.TB, said string) (read []reading, refused string) {
	h := handle(func(_ context.Context, r *message.Request) *message.Response {
		d := r.Detached()
		x := reading{method: d.Method, uri: d.URI(), host: d.Host, minor: d.Minor, length: d.Length}
		for _, f := range d.Header {
			x.fields = append(x.fields, http.CanonicalHeaderKey(f.Name)+": "+f.Value)
		}
		if r.Body != nil {
			b, err := io.ReadAll(r.Body)
			x.body, x.broken = string(b), err != nil
			if x.broken {
				read = append(read, x)
				return failed(err)
			}
			if r.Trailer != nil {
				for _, f := range r.Trailer() {
					x.trailer += http.CanonicalHeaderKey(f.Name) + ": " + f.Value + "|"
				}
			}
		}
		read = append(read, x)
		return &message.Response{Status: 200}
	})
	got := speak(t, h, said)
	last := got[max(strings.LastIndex(got, "HTTP/1.1 "), 0):]
	if got != "" && !strings.HasPrefix(last, "HTTP/1.1 200 ") {
		for why := range stricter {
			if strings.Contains(last, why.sentence) {
				return read, why.sentence
			}
		}
		return read, last
	}
	return read, ""
}

// readByNetHTTP reads what is said with net/http's server.
func readByNetHTTP(t testing.TB, said string) (read []reading) {
	s := &http.Server{
		DisableGeneralOptionsHandler: true, MaxHeaderBytes: 1 << 20, ErrorLog: log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			x := reading{method: r.Method, host: r.Host, minor: r.ProtoMinor, length: r.ContentLength}
			x.uri = r.RequestURI
			if !strings.HasPrefix(x.uri, "/") && x.uri != "*" {
				_, rest, _ := strings.Cut(x.uri, "://")
				x.uri = "/"
				if i := strings.IndexAny(rest, "/?"); i >= 0 {
					x.uri = strings.TrimPrefix(rest[i:], "/")
					x.uri = "/" + x.uri
				}
			}
			if strings.Count(x.uri, "?") == 1 {
				x.uri = strings.TrimSuffix(x.uri, "?") // message.Request does not know an empty query from none
			}
			if host, ok := authority.Parse([]byte(x.host)); ok {
				x.host = string(host)
			}
			for name, values := range r.Header {
				for _, v := range values {
					x.fields = append(x.fields, name+": "+v)
				}
			}
			b, err := io.ReadAll(r.Body)
			x.body, x.broken = string(b), err != nil
			for _, name := range slices.Sorted(maps.Keys(r.Trailer)) {
				for _, v := range r.Trailer[name] {
					x.trailer += name + ": " + v + "|"
				}
			}
			read = append(read, x)
			if x.broken {
				w.Header().Set("Connection", "close")
			}
		}),
	}
	m := newMemory(said)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(listenTo(m))
	}()
	select {
	case <-m.closed:
	case <-time.After(10 * time.Second):
		t.Fatalf("net/http does not close after %.200q", said)
	}
	_ = s.Close()
	<-done
	return read
}

// fieldsOf are the fields in an order of their own, without those that net/http
// keeps elsewhere.
func fieldsOf(fields []string) string {
	f := slices.DeleteFunc(slices.Clone(fields), func(s string) bool { return strings.HasPrefix(s, "Trailer: ") })
	slices.Sort(f)
	return strings.Join(f, "|")
}

// agree holds one server's reading to the other's.
func agree(t testing.TB, said string) {
	us, refused := readByUs(t, said)
	them := readByNetHTTP(t, said)
	known := refused == ""
	for why := range stricter {
		known = known || why.sentence == refused
	}
	for i, u := range us {
		switch {
		case i >= len(them):
			t.Fatalf("net/http refuses what we take, of %q\n%v", said, u)
		case u.broken && !them[i].broken && !known:
			t.Fatalf("net/http takes a body that we refuse with %q, of %q\nus   %v\nthem %v", refused, said, u, them[i])
		case u.broken:
			return
		}
		n := them[i]
		uTrailer, nTrailer := strings.Split(u.trailer, "|"), strings.Split(n.trailer, "|")
		slices.Sort(uTrailer)
		slices.Sort(nTrailer)
		if u.method != n.method || u.uri != n.uri || u.host != n.host || u.minor != n.minor || u.length != n.length || u.body != n.body ||
			n.broken || fieldsOf(u.fields) != fieldsOf(n.fields) || !slices.Equal(uTrailer, nTrailer) {
			t.Fatalf("of %q\nus   %v\nthem %v", said, u, n)
		}
	}
	if len(them) > len(us) && !known {
		t.Fatalf("we refuse with %q what net/http takes, of %q\nus   %v\nthem %v", refused, said, us, them)
	}
}

func TestWeReadAsNetHTTPDoes(t *testing.T) {
	for _, said := range seeds() {
		agree(t, said)
	}
}

// seeds are requests to begin from: all attacks, and what is well-formed.
func seeds() (all []string) {
	for _, a := range attacks {
		if len(a.request) < 10_000 {
			all = append(all, a.request, a.request+ok+"\r\n", strings.Replace(a.request, "\r\n\r\n", "\r\nContent-Length: 0\r\n\r\n", 1))
		}
	}
	for _, b := range broken {
		if len(b.body) < 10_000 {
			all = append(all, chunked+b.body, chunked+b.body+ok+"\r\n")
		}
	}
	return append(all,
		ok+"\r\n"+ok+"\r\n", "POST /p?q HTTP/1.1\r\nHost: a.test:1\r\nContent-Length: 5\r\n\r\nhello"+ok+"\r\n", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello\r\n"+ok+"\r\n",
		chunked+"5;a=b\r\nhello\r\n0\r\n\r\n"+ok+"\r\n", strings.Replace(chunked, "\r\n\r\n", "\r\nTrailer: A\r\n\r\n", 1)+"5\r\nhello\r\n0\r\nA: b\r\n\r\n"+ok+"\r\n",
		"GET http://b.test?x=y HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"+ok+"\r\n", "OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n", "HEAD /a//b/../c HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"+ok+"\r\n",
		"PUT / HTTP/1.1\r\nHost: [::1]:80\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx", ok+"A: \xff\xfe\r\nB:\t\r\nC: d\t \r\n\r\n", "GET /%zz?%zz HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET //a.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n",
		"GET /x:y@z HTTP/1.1\r\nhost: A.TEST.\r\n\r\n", ok+"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n", ok+"Content-Length: 3\r\n\r\nabc"+ok+"\r\n",
	)
}

// FuzzDifferential: whatever net/http refuses we refuse, what both take is read
// alike, and what we alone refuse has a reason in stricter.
func FuzzDifferential(f *testing.F) {
	for _, said := range seeds() {
		f.Add(said)
	}
	f.Fuzz(func(t *testing.T, said string) {
		if len(said) < 32<<10 {
			agree(t, said)
		}
	})
}

// FuzzPieces puts requests together from pieces that matter, as a list of
// choices: what random bytes would take long to find.
func FuzzPieces(f *testing.F) {
	words := []string{
		"GET", "POST", "HEAD", " ", "/", "/x?y", "*", "http://b.test/", "HTTP/1.1", "HTTP/1.0", "\r\n", "\n", "\r", "Host: a.test", "Host: b.test:80", "Content-Length: ", "Transfer-Encoding: ", "chunked",
		"0", "5", "a", "hello", ";", "=", ",", "Connection: ", "close", "keep-alive", "Expect: 100-continue", "Trailer: A", "A: b", "\t", "\x00", "%41", "%", "#", ok, chunked, "5\r\nhello\r\n0\r\n\r\n", "0\r\n\r\n", "\r\n\r\n",
	}
	f.Add([]byte{36, 10}, uint8(0))
	f.Add([]byte{37, 38, 36, 10}, uint8(0))
	f.Add([]byte{36, 15, 19, 40, 21, 36, 10}, uint8(1))
	f.Add([]byte{36, 16, 17, 10, 15, 19, 40, 38}, uint8(3))
	f.Fuzz(func(t *testing.T, choices []byte, _ uint8) {
		if len(choices) > 200 {
			return
		}
		var said strings.Builder
		for _, c := range choices {
			said.WriteString(words[int(c)%len(words)])
		}
		agree(t, said.String())
	})
}

// FuzzAnswer: whatever the Exchange answers, the viewer reads one message, and
// after it the next.
func FuzzAnswer(f *testing.F) {
	f.Add(200, "A", "b", "hello", 5, false, uint8(0))
	f.Add(204, "Content-Length", "5", "", 0, true, uint8(1))
	f.Add(299, "A\r\nB", "c\r\n\r\nd", "x", -1, true, uint8(2))
	f.Add(304, "Transfer-Encoding", "chunked", "0\r\n\r\n", -1, false, uint8(3))
	f.Fuzz(func(t *testing.T, status int, name, value, content string, length int, live bool, kind uint8) {
		if !printable([]byte(strings.NewReplacer("\r", "", "\n", "", "\x00", "").Replace(value))) {
			return // RFC 9110 section 5.5 lets them pass, net/http does not
		}
		resp := func() *message.Response {
			r := &message.Response{Status: status, Header: message.Header{{Name: name, Value: value}}, Length: int64(max(length, -1)), Live: live, Body: readable(content)}
			if kind&1 != 0 {
				r.Body = &pieces{of: [][]byte{[]byte(content)}}
			}
			r.Trailer = func() message.Header { return r.Header }
			return r
		}
		method := []string{"GET", "HEAD"}[kind>>1&1]
		got := speak(t, answering(resp), strings.Repeat(method+" / HTTP/1.1\r\nHost: a.test\r\n\r\n", 2))
		r := bufio.NewReader(strings.NewReader(got))
		for i := range 2 {
			a, err := http.ReadResponse(r, &http.Request{Method: method})
			if err != nil {
				t.Fatalf("answer %d: %v in %q", i, err, got)
			}
			b, err := io.ReadAll(a.Body)
			if status < 200 || status > 999 {
				return // an answer of our own
			}
			whole := method == "HEAD" || status == 204 || status == 304 || length <= len(content)
			if (err == nil) != whole || a.StatusCode != status {
				t.Fatalf("%d %v: %q", a.StatusCode, err, got)
			}
			if !whole {
				return
			}
			if want := content[:min(len(content), max(length, 0))]; length >= 0 && method == "GET" && status != 204 && status != 304 && string(b) != want {
				t.Fatalf("%q instead of %q", b, want)
			}
			if len(a.Header) > 3+1 || a.Header.Get("Content-Length") != "" && a.Header.Get("Content-Length") != strconv.Itoa(max(length, 0)) {
				t.Fatalf("%v in %q", a.Header, got)
			}
		}
		if r.Buffered() > 0 {
			t.Fatalf("something follows: %q", got)
		}
	})
}
