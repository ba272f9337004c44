package edge

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/tier"
)

// TestSlicesComeThroughTiers: a viewer that seeks at one node finds what another's
// has fetched.
func TestSlicesComeThroughTiers(t *testing.T) {
	f := &film{size: 5<<20 + 77}
	c := newCity(t, 2, site{}, f.answer)
	uri := c.owner("/film", 1)
	seek := func(n *network, from, end int64) {
		t.Helper()
		r := n.get(uri, "Range", fmt.Sprintf("bytes=%d-%d", from, end-1))
		if r.Status != 206 || int64(len(r.body)) != end-from {
			t.Fatalf("%d, %d bytes of %d", r.Status, len(r.body), end-from)
		}
		for i := range r.body {
			if r.body[i] != byteAt(0, from+int64(i)) {
				t.Fatalf("byte %d is wrong", from+int64(i))
			}
		}
	}
	seek(c.nodes[0], 2<<20, 2<<20+1000)
	before := c.at.count()
	seek(c.nodes[1], 2<<20, 3<<20)
	seek(c.nodes[0], 2<<20+1, 3<<20)
	if c.at.count() != before {
		t.Errorf("for what is there the origin was asked %d times", c.at.count()-before)
	}
	seek(c.nodes[0], 1<<20, 4<<20)
	seek(c.nodes[0], 0, f.size)
	f.version.Store(1)
	if r := c.nodes[1].get(uri); int64(len(r.body)) != f.size || r.body[0] != byteAt(0, 0) {
		t.Errorf("%d bytes, the first %d", len(r.body), r.body[0])
	}
}

// TestErrorsComeThroughTiers: the origin's own as they are, and its failures without
// its being asked once more.
func TestErrorsComeThroughTiers(t *testing.T) {
	errors := "<CustomErrorResponse><ErrorCode>404</ErrorCode><ResponsePagePath>/error.html</ResponsePagePath><ResponseCode>200</ResponseCode><ErrorCachingMinTTL>5</ErrorCachingMinTTL></CustomErrorResponse>"
	c := newCity(t, 2, site{errors: errors}, func(_ context.Context, _ int, r *message.Request) (*message.Response, error) {
		switch {
		case strings.HasSuffix(r.Path, "/error.html"):
			return ok("sorry"), nil
		case strings.HasPrefix(r.Path, "/base/down"):
			return nil, errRefused
		}
		return status(404, "none"), nil
	})
	missing, down := c.owner("/missing", 1), c.owner("/down", 1)
	if r := c.nodes[0].get(missing); r.Status != 200 || r.body != "sorry" || r.xcache() != "Error" {
		t.Errorf("%d %q %s", r.Status, r.body, r.xcache())
	}
	if o := c.nodes[1].stored(missing); o == nil || o.Status != 404 {
		t.Errorf("the owner has stored %+v", o)
	}
	before := c.at.count()
	for range 3 {
		if r := c.nodes[0].get(down); r.Status != 502 || !strings.Contains(r.body, "The origin failed as scripted.") || r.xcache() != "Error" {
			t.Errorf("%d %q %s", r.Status, r.body, r.xcache())
		}
	}
	if asked := c.at.count() - before; asked != 1 {
		t.Errorf("the origin that fails was asked %d times", asked)
	}
}

// TestWhatIsForOneViewerSkipsTheTiers from the second time on.
func TestWhatIsForOneViewerSkipsTheTiers(t *testing.T) {
	c := newCity(t, 2, site{behaviors: []behavior{{def: 60, max: 60}}}, numbered("Cache-Control", "private"))
	uri := c.owner("/p", 1)
	for i := range 3 {
		r := c.nodes[0].get(uri)
		if r.body != fmt.Sprint("answer ", i+1) || r.xcache() != "Miss" {
			t.Errorf("%q %s", r.body, r.xcache())
		}
		if through := strings.Contains(r.Header.Joined("Cache-Status"), "NRT-2"); through != (i == 0) {
			t.Errorf("%d: through the owner: %v", i, through)
		}
	}
}

// TestWhatATierCompressedIsStoredAsSuch: the asker must not take the origin's bytes
// for parts of it.
func TestWhatATierCompressedIsStoredAsSuch(t *testing.T) {
	c := newCity(t, 2, compressing(optimized), onePage)
	x := c.nodes[0].edge.newExchange()
	r := c.nodes[0].request("GET", "/page", "Accept-Encoding", "gzip")
	x.receive(r)
	if f := x.route(); f != nil {
		t.Fatal(f.sentence)
	}
	asker, owner := c.nodes[0], c.nodes[1]
	if tier.Owner(x.key, []string{"NRT-1", "NRT-2"}) == "NRT-1" {
		asker, owner = owner, asker
	}
	whole := asker.do(r)
	if whole.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("%v", whole.Header)
	}
	a, o := asker.edge.store.Get(x.key, x.selects), owner.edge.store.Get(x.key, x.selects)
	if a == nil || o == nil || !a.Compressed || !o.Compressed || a.OriginTag != o.OriginTag || a.Verifiable() || a.Header.Get("ETag") != o.Header.Get("ETag") {
		t.Errorf("stored %+v and at the owner %+v", a, o)
	}
}

// TestWhatATierCompressedMayBeLarge, and of an origin without entity tags: its parts
// cannot be asked for one by one.
func TestWhatATierCompressedMayBeLarge(t *testing.T) {
	var b strings.Builder
	for random := rand.New(rand.NewPCG(1, 2)); b.Len() < 4<<20; {
		fmt.Fprintf(&b, "%x", random.Uint64())
	}
	page := b.String()
	c := newCity(t, 2, compressing(optimized), func(context.Context, int, *message.Request) (*message.Response, error) {
		return ok(page, "Content-Type", "text/html", "Last-Modified", "Sun, 01 Mar 2025 10:00:00 GMT"), nil
	})
	uri := c.owner("/p", 1)
	for _, i := range []int{1, 0} {
		if r := c.nodes[i].get(uri, "Accept-Encoding", "gzip"); r.err != nil || decode(t, r) != page {
			t.Errorf("node %d: %d %s, %d bytes, %v", i, r.Status, r.xcache(), len(r.body), r.err)
		}
	}
}
