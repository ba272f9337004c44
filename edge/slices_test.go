package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/message"
)

// film is an origin that has one large object, each version of it of other bytes.
type film struct {
	size    int64
	version atomic.Int64
	header  []string
	plain   bool // knows no ranges
}

func byteAt(version, i int64) byte { return byte(i>>12) ^ byte(i) ^ byte(version*7) }

// Read makes film's bytes from an offset.
type reel struct {
	version, at, left int64
}

func (r *reel) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), r.left, 77_777))
	for i := range n {
		p[i] = byteAt(r.version, r.at+int64(i))
	}
	r.at, r.left = r.at+int64(n), r.left-int64(n)
	return n, nil
}

func (f *film) answer(_ context.Context, _ int, r *message.Request) (*message.Response, error) {
	tag := fmt.Sprintf(`"v%d"`, f.version.Load())
	resp := &message.Response{Status: 200, Length: f.size, Live: true, Header: message.Header{{Name: "ETag", Value: tag}}}
	for i := 0; i < len(f.header); i += 2 {
		resp.Header.Set(f.header[i], f.header[i+1])
	}
	from, end := int64(0), f.size
	if cond := r.Header.Get("If-Range"); !f.plain && r.Header.Has("Range") && (cond == "" || cond == resp.Header.Get("ETag")) {
		a, b, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Range"), "bytes="), "-")
		from, _ = strconv.ParseInt(a, 10, 64)
		if last, err := strconv.ParseInt(b, 10, 64); err == nil {
			end = min(end, last+1)
		}
		resp.Status, resp.Length = 206, end-from
		resp.Header.Add("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, end-1, f.size))
	}
	resp.Body = io.NopCloser(&reel{f.version.Load(), from, end - from})
	return resp, nil
}

func (f *film) part(from, length int64) string {
	b, _ := io.ReadAll(&reel{f.version.Load(), from, length})
	return string(b)
}

func TestSeekingInALargeObject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &film{size: 20*cache.SliceSize + 99}
		n := newNetwork(t, site{}, f.answer)
		seek := func(from, last int64, xcache string, asked int, ranged string) {
			t.Helper()
			r := n.get("/film", "Range", fmt.Sprintf("bytes=%d-%d", from, last))
			want := f.part(from, last-from+1)
			if r.Status != 206 || r.body != want || r.Header.Get("Content-Range") != fmt.Sprintf("bytes %d-%d/%d", from, last, f.size) {
				t.Fatalf("%d-%d: %d, %d bytes, %v", from, last, r.Status, len(r.body), r.Header)
			}
			if r.xcache() != xcache || n.at.count() != asked || n.at.last().Header.Get("Range") != ranged {
				t.Errorf("%d-%d: %s, the origin was asked %d times, for %s", from, last, r.xcache(), n.at.count(), n.at.last().Header.Get("Range"))
			}
			synctest.Wait()
		}
		seek(5*cache.SliceSize+3, 5*cache.SliceSize+9, "Miss", 1, "bytes=5242880-6291455")
		seek(5*cache.SliceSize, 6*cache.SliceSize-1, "Hit", 1, "bytes=5242880-6291455")
		seek(7*cache.SliceSize+1, 8*cache.SliceSize+1, "Miss", 2, "bytes=7340032-9437183")
		seek(7*cache.SliceSize+1, 8*cache.SliceSize+1, "Hit", 2, "bytes=7340032-9437183")
		seek(f.size-7, f.size-1, "Miss", 3, fmt.Sprintf("bytes=%d-%d", 20*cache.SliceSize, f.size-1))
		if r := n.get("/film"); r.Status != 200 || r.body != f.part(0, f.size) || r.Header.Has("Content-Range") {
			t.Errorf("the whole: %d, %d bytes", r.Status, len(r.body))
		}
		if r := n.get("/film", "Range", "bytes=-5"); r.Status != 206 || r.body != f.part(f.size-5, 5) || r.xcache() != "Hit" {
			t.Errorf("the end: %d %q %s", r.Status, r.body, r.xcache())
		}
	})
}

func TestALargeObjectThroughLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("two large objects, whole")
	}
	for _, plain := range []bool{false, true} {
		f := &film{size: 40 * cache.SliceSize, plain: plain}
		n := newNetwork(t, site{}, f.answer)
		want := f.part(0, f.size)
		for range 3 {
			if r := n.get("/film"); r.body != want || r.err != nil {
				t.Fatalf("ranges %v: %d bytes, %v", !plain, len(r.body), r.err)
			}
		}
		if got := n.edge.store.Bytes(); got > 64<<20 {
			t.Errorf("%d bytes of memory", got)
		}
	}
}

// TestSlicesOfTwoVersionsAreNeverMixed is rule Q.
func TestSlicesOfTwoVersionsAreNeverMixed(t *testing.T) {
	for _, plain := range []bool{false, true} {
		f := &film{size: 8 * cache.SliceSize, plain: plain}
		n := newNetwork(t, site{}, f.answer)
		if plain {
			resp := n.edge.Handle(t.Context(), n.request("GET", "/film")) // leaves at once: little of it is kept
			resp.Close()
		} else {
			n.get("/film", "Range", "bytes=0-1")
		}
		old := f.part(0, f.size)
		f.version.Add(1)
		r := n.get("/film")
		if r.err == nil && r.body != f.part(0, f.size) && r.body != old {
			t.Errorf("ranges %v: a mixture of %d bytes", !plain, len(r.body))
		}
		if r := n.get("/film"); r.err != nil || r.body != f.part(0, f.size) {
			t.Errorf("ranges %v: after the change was seen: %d bytes, %v", !plain, len(r.body), r.err)
		}
	}
}

func TestAPartWithoutAStrongValidatorIsNotKept(t *testing.T) {
	for _, tag := range []string{`W/"v"`, ""} {
		f := &film{size: 8 * cache.SliceSize, header: []string{"ETag", tag}}
		n := newNetwork(t, site{}, f.answer)
		for i := range 2 {
			r := n.get("/film", "Range", "bytes=1048576-1048579")
			if r.Status != 206 || r.body != f.part(1048576, 4) || r.xcache() != "Miss" {
				t.Errorf("%q, %d: %d %q %s", tag, i, r.Status, r.body, r.xcache())
			}
		}
	}
}

func TestARangeOfSomethingSmallBringsItWhole(t *testing.T) {
	f := &film{size: 1000, header: []string{"ETag", `W/"v"`}}
	n := newNetwork(t, site{}, f.answer)
	if r := n.get("/film", "Range", "bytes=10-19"); r.Status != 206 || r.body != f.part(10, 10) {
		t.Errorf("%d %q", r.Status, r.body)
	}
	if r := n.get("/film"); r.Status != 200 || r.body != f.part(0, 1000) || r.xcache() != "Hit" || r.Header.Has("Content-Range") {
		t.Errorf("%d %s %v", r.Status, r.xcache(), r.Header)
	}
}

func TestSeveralRanges(t *testing.T) {
	for _, size := range []int64{1000, 8 * cache.SliceSize} {
		f := &film{size: size, header: []string{"Content-Type", "video/mp4"}}
		n := newNetwork(t, site{}, f.answer)
		n.get("/film")
		r := n.get("/film", "Range", fmt.Sprintf("bytes=0-1,500-503,%d-", size-3))
		kind, boundary, _ := strings.Cut(r.Header.Get("Content-Type"), "; boundary=")
		if r.Status != 206 || kind != "multipart/byteranges" || r.Header.Has("Content-Range") {
			t.Fatalf("%d %v", r.Status, r.Header)
		}
		parts := multipart.NewReader(strings.NewReader(r.body), boundary)
		for _, want := range [][2]int64{{0, 2}, {500, 4}, {size - 3, 3}} {
			p, err := parts.NextPart()
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(p)
			if string(got) != f.part(want[0], want[1]) || err != nil || p.Header.Get("Content-Type") != "video/mp4" ||
				p.Header.Get("Content-Range") != fmt.Sprintf("bytes %d-%d/%d", want[0], want[0]+want[1]-1, size) {
				t.Errorf("%v: %q, %v, %v", want, got, err, p.Header)
			}
		}
		if _, err := parts.NextPart(); !errors.Is(err, io.EOF) {
			t.Errorf("after the last part: %v", err)
		}
	}
}

// TestAPartOfUnknownSizeIsNotTheWhole: "bytes 2097152-2097155/*".
func TestAPartOfUnknownSizeIsNotTheWhole(t *testing.T) {
	f := &film{size: 4 * cache.SliceSize}
	n := newNetwork(t, site{}, func(ctx context.Context, i int, r *message.Request) (*message.Response, error) {
		resp, err := f.answer(ctx, i, r)
		if span, _, ok := strings.Cut(resp.Header.Get("Content-Range"), "/"); ok {
			resp.Header.Set("Content-Range", span+"/*")
		}
		return resp, err
	})
	if r := n.get("/film", "Range", "bytes=2097152-2097155"); r.Status != 206 || r.body != f.part(2097152, 4) {
		t.Errorf("the range: %d, %d bytes, %s", r.Status, len(r.body), r.Header.Get("Content-Range"))
	}
	if r := n.get("/film"); r.Status != 200 || r.body != f.part(0, f.size) {
		t.Errorf("the whole: %d %s, %d bytes", r.Status, r.xcache(), len(r.body))
	}
}

// TestWhoJoinsGetsItsOwnRange, and not the one that the fetch was made for.
func TestWhoJoinsGetsItsOwnRange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, g := &film{size: 1000, header: []string{"Cache-Control", "max-age=60"}}, newGate()
		n := newNetwork(t, site{strict: true}, func(ctx context.Context, i int, r *message.Request) (*message.Response, error) {
			resp, err := f.answer(ctx, i, r)
			return resp, errors.Join(err, g.wait(ctx))
		})
		joiner := n.edge.newExchange() // it was read first, and joins a moment later
		joiner.receive(n.request("GET", "/film"))
		if f := joiner.refused(); f != nil {
			t.Fatal(f.sentence)
		}
		v := n.viewers(1, func(int) *message.Request { return n.request("GET", "/film", "Range", "bytes=0-5") })
		joined := make(chan *message.Response, 1)
		go func() { joined <- joiner.serve(t.Context()) }()
		synctest.Wait()
		close(g.open)
		resp := <-joined
		if b, err := io.ReadAll(resp.Body); resp.Status != 200 || string(b) != f.part(0, 1000) || err != nil {
			t.Errorf("who asked for the whole: %d, Content-Range %q, %d bytes, %v", resp.Status, resp.Header.Get("Content-Range"), len(b), err)
		}
		resp.Close()
		if r := v.all()[0]; r.Status != 206 || r.body != f.part(0, 6) {
			t.Errorf("who asked for the part: %d, %d bytes", r.Status, len(r.body))
		}
	})
}

// TestTheRestOfTheAnswerToAPostIsAskedForByGET: the viewer posted once.
func TestTheRestOfTheAnswerToAPostIsAskedForByGET(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &film{size: 6 * cache.SliceSize, header: []string{"Content-Location", "/film", "Cache-Control", "max-age=60"}}
		n := newNetwork(t, site{strict: true, behaviors: []behavior{{policy: optimized, methods: all7}}}, func(ctx context.Context, i int, r *message.Request) (*message.Response, error) {
			resp, err := f.answer(ctx, i, r)
			if i == 1 { // it breaks off
				resp.Body = io.NopCloser(io.LimitReader(resp.Body, 2<<20))
			}
			return resp, err
		})
		r := n.request("POST", "/film")
		r.Body, r.Length = strings.NewReader("pay 5"), 5
		resp := n.edge.Handle(t.Context(), r)
		synctest.Wait() // a viewer slower than the origin
		b, err := io.ReadAll(resp.Body)
		resp.Close()
		if string(b) != f.part(0, f.size) || err != nil {
			t.Errorf("%d bytes, %v", len(b), err)
		}
		if last := n.at.last(); n.at.count() != 2 || last.Method != "GET" || last.Length != 0 || last.Body != nil {
			t.Errorf("asked %d times, at last by %s with %d bytes", n.at.count(), last.Method, last.Length)
		}
	})
}

// TestAPartThatDoesNotComeIsNotPromised: the object has changed, or the origin is
// gone, and nothing has been sent yet.
func TestAPartThatDoesNotComeIsNotPromised(t *testing.T) {
	f := &film{size: 5 * cache.SliceSize}
	n := newNetwork(t, site{}, f.answer)
	n.get("/film", "Range", "bytes=0-99")
	f.version.Add(1)
	if r := n.get("/film", "Range", "bytes=3145728-3145800"); r.err != nil || r.Status != 206 || r.body != f.part(3145728, 73) || r.xcache() != "Miss" {
		t.Errorf("changed: %d, %d bytes, %v, %s", r.Status, len(r.body), r.err, r.xcache())
	}
	n.at.answer = func(context.Context, int, *message.Request) (*message.Response, error) { return nil, errRefused }
	if r := n.get("/film", "Range", "bytes=0-99"); r.Status != 502 {
		t.Errorf("the origin is gone: %d, %d bytes, %v", r.Status, len(r.body), r.err)
	}
}

// TestAnOriginThatGivesLessThanAskedIsAskedForTheRest (RFC 9110 section 15.3.7).
func TestAnOriginThatGivesLessThanAskedIsAskedForTheRest(t *testing.T) {
	f := &film{size: 3 * cache.SliceSize}
	n := newNetwork(t, site{}, func(ctx context.Context, i int, r *message.Request) (*message.Response, error) {
		first, last, ok := strings.Cut(strings.TrimPrefix(r.Header.Get("Range"), "bytes="), "-")
		from, _ := strconv.ParseInt(first, 10, 64)
		if end, err := strconv.ParseInt(last, 10, 64); ok && err == nil {
			r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, min(end, from+699_999)))
		}
		return f.answer(ctx, i, r)
	})
	n.get("/film", "Range", "bytes=0-99")
	if r := n.get("/film"); r.err != nil || r.body != f.part(0, f.size) {
		t.Errorf("%d bytes of %d, %v", len(r.body), f.size, r.err)
	}
}
