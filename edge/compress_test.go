package edge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"

	"github.com/warmfront/warmfront/edge/message"
)

// page is a body that may be compressed.
var page = strings.Repeat("<p>The same line over and over again.</p>\n", 200)

const browser = "gzip, deflate, br"

// compressing is a site whose default behavior compresses.
func compressing(policy string) site {
	return site{behaviors: []behavior{{policy: policy, compress: true}}}
}

// onePage answers as an origin of one page that knows its entity tag.
func onePage(_ context.Context, _ int, r *message.Request) (*message.Response, error) {
	h := []string{"Content-Type", "text/html", "ETag", `"v1"`, "Cache-Control", "max-age=60"}
	if r.Method == "GET" && r.Header.Get("If-None-Match") == `"v1"` { // compared as by servers that know strong tags alone
		return &message.Response{Status: 304, Length: -1, Header: message.Header{{Name: "ETag", Value: `"v1"`}, {Name: "Vary", Value: "Origin"}}}, nil
	}
	resp := ok(page, h...)
	if r.Method == "HEAD" {
		resp.Body = nil
	}
	return resp, nil
}

// decode undoes the encoding that a reply says it has.
func decode(t *testing.T, r reply) string {
	t.Helper()
	var from io.Reader = strings.NewReader(r.body)
	switch e := r.Header.Get("Content-Encoding"); e {
	case "br":
		from = brotli.NewReader(from)
	case "gzip":
		z, err := gzip.NewReader(from)
		if err != nil {
			t.Fatal(err)
		}
		from = z
	case "":
	default:
		t.Fatalf("encoded as %q", e)
	}
	b, err := io.ReadAll(from)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

func TestEachViewerGetsTheEncodingItAccepts(t *testing.T) {
	for _, strict := range []bool{false, true} {
		s := compressing(optimized)
		s.strict = strict
		n := newNetwork(t, s, onePage)
		for i, accept := range []struct{ sent, want string }{
			{browser, "br"}, {"gzip", "gzip"}, {"", ""}, {"br", "br"}, {"gzip;q=0", ""}, {"gzip, br", "br"}, {"GZIP", "gzip"},
		} {
			r := n.get("/", "Accept-Encoding", accept.sent)
			tag, vary := `"v1"`, ""
			if accept.want != "" {
				tag, vary = `W/"v1"`, "Accept-Encoding"
			}
			if got := decode(t, r); got != page || r.Header.Get("Content-Encoding") != accept.want || r.Header.Get("ETag") != tag || r.Header.Get("Vary") != vary {
				t.Errorf("%d %q: %d bytes as %q, ETag %s, Vary %q", i, accept.sent, len(got), r.Header.Get("Content-Encoding"), r.Header.Get("ETag"), r.Header.Get("Vary"))
			}
			if i < 4 != (r.xcache() == "Miss") {
				t.Errorf("%d %q: %s", i, accept.sent, r.xcache())
			}
		}
		if n.at.count() != 4 { // br and gzip, gzip, none, br
			t.Errorf("asked %d times", n.at.count())
		}
		if r := n.get("/", "Accept-Encoding", "br"); r.Length != int64(len(r.body)) {
			t.Errorf("a hit of what is whole has the length %d", r.Length)
		}
	}
}

func TestWhatIsNotCompressed(t *testing.T) {
	old := func(r *message.Request) *message.Request { r.Minor = 0; return r }
	for _, c := range []struct {
		name    string
		site    site
		request func(*network) *message.Request
		answer  func() *message.Response
	}{
		{name: "HTTP/1.0", request: func(n *network) *message.Request { return old(n.request("GET", "/", "Accept-Encoding", browser)) }},
		{name: "the behavior does not say so", site: site{behaviors: []behavior{{policy: optimized}}}},
		{name: "nothing is cached", site: compressing(disabled)},
		{name: "the policy has no encodings", site: compressing("b2884449-e4de-46a7-ac36-70bc7f1ddd6d")},
		{name: "too small", answer: func() *message.Response { return ok("small", "Content-Type", "text/html") }},
		{name: "of no type", answer: func() *message.Response { return ok(page) }},
		{name: "no declared length", answer: func() *message.Response {
			r := ok(page, "Content-Type", "text/html")
			r.Length = -1
			return r
		}},
		{name: "an error of the server", answer: func() *message.Response { return status(500, page, "Content-Type", "text/html") }},
	} {
		if c.site.behaviors == nil {
			c.site = compressing(optimized)
		}
		n := newNetwork(t, c.site, func(ctx context.Context, i int, r *message.Request) (*message.Response, error) {
			if c.answer != nil {
				return c.answer(), nil
			}
			return onePage(ctx, i, r)
		})
		req := n.request("GET", "/", "Accept-Encoding", browser)
		if c.request != nil {
			req = c.request(n)
		}
		for range 2 {
			if r := n.do(req); r.Header.Has("Content-Encoding") || strings.HasPrefix(r.Header.Get("ETag"), "W/") || r.err != nil {
				t.Errorf("%s: %v %v", c.name, r.Header, r.err)
			}
		}
	}
}

// What the origin has compressed is not compressed again, and stored as it came.
func TestNothingIsCompressedTwice(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte(strings.Repeat(page, 200)))
	_ = z.Close()
	n := newNetwork(t, compressing(optimized), func(context.Context, int, *message.Request) (*message.Response, error) {
		return ok(packed.String(), "Content-Type", "text/html", "Content-Encoding", "gzip", "ETag", `"z"`), nil
	})
	for range 2 {
		if r := n.get("/", "Accept-Encoding", browser); r.body != packed.String() || r.Header.Get("ETag") != `"z"` || r.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%d bytes, %v", len(r.body), r.Header)
		}
	}
}

// The origin is asked by the entity tag that it gave, and what it confirms stays
// what it is, compressed.
func TestCompressedIsConfirmedByTheOriginsOwnTag(t *testing.T) {
	n := newNetwork(t, compressing(optimized), onePage)
	first := n.get("/", "Accept-Encoding", browser)
	for range 2 {
		n.advance(2 * time.Hour)
		r := n.get("/", "Accept-Encoding", browser)
		if got := n.at.last().Header.Get("If-None-Match"); got != `"v1"` {
			t.Errorf("the origin was asked for %s", got)
		}
		if r.xcache() != "RefreshHit" || r.body != first.body || r.Header.Get("ETag") != `W/"v1"` || r.Header.Get("Content-Encoding") != "br" ||
			r.Header.Joined("Vary") != "Origin, Accept-Encoding" {
			t.Errorf("%s: %d bytes, %v", r.xcache(), len(r.body), r.Header)
		}
	}
	for _, tag := range []string{`W/"v1"`, `"v1"`} {
		if r := n.get("/", "Accept-Encoding", browser, "If-None-Match", tag); r.Status != 304 || r.Header.Get("ETag") != `W/"v1"` || r.body != "" {
			t.Errorf("a viewer that has %s: %d, %v", tag, r.Status, r.Header)
		}
	}
}

func TestHeadOfWhatIsCompressed(t *testing.T) {
	for _, strict := range []bool{false, true} {
		s := compressing(optimized)
		s.strict = strict
		n := newNetwork(t, s, onePage)
		head := func() reply { return n.do(n.request("HEAD", "/", "Accept-Encoding", browser)) }
		alike := func(when string, a, b reply) {
			t.Helper()
			for _, name := range []string{"Content-Encoding", "ETag", "Vary", "Content-Type"} {
				if a.Header.Get(name) != b.Header.Get(name) || a.Header.Get(name) == "" {
					t.Errorf("%s: %s is %q for HEAD and %q for GET", when, name, a.Header.Get(name), b.Header.Get(name))
				}
			}
			if a.Length >= 0 && a.Length != int64(len(b.body)) {
				t.Errorf("%s: HEAD declares %d of %d bytes", when, a.Length, len(b.body))
			}
		}
		before := head()
		get := n.get("/", "Accept-Encoding", browser)
		alike("of its own", before, get)
		alike("from what a GET stored", head(), get)
		// What a HEAD says of the origin's bytes outdates no compressed ones.
		n.advance(30 * time.Second)
		if r := n.do(n.request("HEAD", "/", "Accept-Encoding", browser, "Cache-Control", "no-cache")); r.Status != 200 {
			t.Errorf("HEAD: %d", r.Status)
		}
		asked := n.at.count()
		again := n.get("/", "Accept-Encoding", browser)
		alike("after a HEAD", head(), again)
		if again.body != get.body || n.at.count() != asked {
			t.Errorf("strict %t: the object is gone after a HEAD", strict)
		}
	}
}

func TestRangesOfWhatIsCompressed(t *testing.T) {
	n := newNetwork(t, compressing(optimized), onePage)
	whole := n.get("/", "Accept-Encoding", browser).body
	size := len(whole)
	r := n.get("/", "Accept-Encoding", browser, "Range", "bytes=10-19")
	if r.Status != 206 || r.body != whole[10:20] || r.Header.Get("Content-Range") != fmt.Sprintf("bytes 10-19/%d", size) || r.Header.Get("Content-Encoding") != "br" {
		t.Errorf("%d %q %v", r.Status, r.body, r.Header)
	}
	if r = n.get("/", "Accept-Encoding", browser, "Range", "bytes=-5"); r.Status != 206 || r.body != whole[size-5:] {
		t.Errorf("the end: %d %q", r.Status, r.body)
	}
	// A weak tag says nothing of single bytes (RFC 9110 section 13.1.5).
	if r = n.get("/", "Accept-Encoding", browser, "Range", "bytes=10-19", "If-Range", `W/"v1"`); r.Status != 200 || r.body != whole {
		t.Errorf("If-Range: %d, %d bytes", r.Status, len(r.body))
	}
	if n.at.count() != 1 {
		t.Errorf("asked %d times", n.at.count())
	}
}

// What would be kept in slices is kept whole where it is compressed.
func TestLargeIsCompressedAndKeptWhole(t *testing.T) {
	large := strings.Repeat(page, 300) // 2.5 MB
	n := newNetwork(t, compressing(optimized), func(context.Context, int, *message.Request) (*message.Response, error) {
		return ok(large, "Content-Type", "text/css", "ETag", `"v1"`), nil
	})
	for i := range 2 {
		r := n.get("/", "Accept-Encoding", browser)
		if decode(t, r) != large || r.Header.Get("Content-Encoding") != "br" || i == 1 && r.xcache() != "Hit" {
			t.Errorf("%d: %s, %d bytes, %v", i, r.xcache(), len(r.body), r.Header)
		}
	}
	if n.at.count() != 1 {
		t.Errorf("asked %d times", n.at.count())
	}
	if r := n.get("/"); decode(t, r) != large || r.Header.Has("Content-Encoding") {
		t.Error("who accepts nothing gets something else")
	}
}

// What is for one viewer alone is compressed for that viewer.
func TestPrivateIsCompressed(t *testing.T) {
	n := newNetwork(t, site{behaviors: []behavior{{max: 60, def: 60, compress: true}}}, func(context.Context, int, *message.Request) (*message.Response, error) {
		return ok(page, "Content-Type", "text/html", "Cache-Control", "no-store", "ETag", `"v1"`), nil
	})
	for range 2 {
		r := n.get("/", "Accept-Encoding", browser)
		if decode(t, r) != page || r.Header.Get("Content-Encoding") != "gzip" || r.xcache() != "Miss" { // the older settings know no Brotli
			t.Errorf("%s: %v", r.xcache(), r.Header)
		}
	}
	if busy := n.edge.fetcher.Encoders.Busy(); busy != 0 {
		t.Errorf("%d encoders are not given back", busy)
	}
}

// A dripping origin's bytes reach all who wait as they come, compressed once.
func TestCompressedWhileItArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const drops, viewers = 3, 5
		drop := strings.Repeat("x", 500)
		n := newNetwork(t, compressing(optimized), func(context.Context, int, *message.Request) (*message.Response, error) {
			from, origin := io.Pipe()
			go func() {
				for range drops {
					<-time.After(time.Second)
					_, _ = io.WriteString(origin, drop)
				}
			}()
			return &message.Response{Status: 200, Length: drops * 500, Body: from, Live: true, Header: message.Header{{Name: "Content-Type", Value: "text/plain"}}}, nil
		})
		begun := time.Now()
		var all sync.WaitGroup
		for range viewers {
			all.Go(func() {
				resp := n.edge.Handle(context.Background(), n.request("GET", "/", "Accept-Encoding", browser))
				defer resp.Close()
				if !resp.Live || resp.Length >= 0 {
					t.Errorf("live %t, length %d", resp.Live, resp.Length)
				}
				decoder, room := brotli.NewReader(resp.Body), make([]byte, 500)
				for i := range drops {
					if _, err := io.ReadFull(decoder, room); err != nil || string(room) != drop {
						t.Errorf("drop %d: %v", i, err)
					}
					if late := time.Since(begun) - time.Duration(i+1)*time.Second; late > 50*time.Millisecond {
						t.Errorf("drop %d is %v late", i, late)
					}
				}
				if rest, err := io.ReadAll(decoder); err != nil || len(rest) > 0 {
					t.Errorf("the end: %d bytes, %v", len(rest), err)
				}
			})
		}
		all.Wait()
		if n.at.count() != 1 {
			t.Errorf("asked %d times", n.at.count())
		}
		_ = n.edge.Close()
	})
}

// What the origin breaks off looks whole to nobody, and is not stored.
func TestBrokenOffIsNotWhole(t *testing.T) {
	broken := errors.New("the origin has gone")
	for _, cacheControl := range []string{"max-age=60", "no-store"} {
		n := newNetwork(t, site{behaviors: []behavior{{max: 60, def: 60, compress: true}}}, func(_ context.Context, i int, _ *message.Request) (*message.Response, error) {
			resp := ok(page, "Content-Type", "text/html", "Cache-Control", cacheControl)
			if i == 1 {
				resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(page[:5000]), failing{broken}))
			}
			return resp, nil
		})
		r := n.get("/", "Accept-Encoding", "gzip")
		if !errors.Is(r.err, broken) || r.Length >= 0 {
			t.Errorf("%s: length %d, %v", cacheControl, r.Length, r.err)
		}
		if z, err := gzip.NewReader(strings.NewReader(r.body)); err == nil {
			if _, err := io.ReadAll(z); err == nil {
				t.Errorf("%s: it decodes as if it were whole", cacheControl)
			}
		}
		if r := n.get("/", "Accept-Encoding", "gzip"); decode(t, r) != page || r.xcache() != "Miss" {
			t.Errorf("%s: then %s, %d bytes", cacheControl, r.xcache(), len(r.body))
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
