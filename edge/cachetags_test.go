package edge

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/message"
)

const tagHeader = "X-Cache-Tag"

var tagged = site{tagHeader: tagHeader}

func TestAnInvalidationByTag(t *testing.T) {
	for _, c := range []struct {
		site  site
		tags  []string // of the fields, in order
		purge string
		miss  bool
	}{
		{tagged, []string{"a"}, "#a", true},
		{tagged, []string{"a, Product:TV ,c"}, "#product:tv", true},
		{tagged, []string{"a", "b"}, "#B", true},
		{tagged, []string{"ab"}, "#a", false},
		{tagged, []string{"a"}, "#ab", false},
		{tagged, []string{"ab"}, "#a*", false},
		{tagged, nil, "#a", false},
		{tagged, []string{"/x"}, "#/x", true},
		{tagged, []string{"a"}, "/*", true},
		{tagged, []string{"a"}, "/page", true},
		{site{}, []string{"a"}, "#a", false}, // nobody asked for tags
		{site{tagHeader: "X-Other"}, []string{"a"}, "#a", false},
	} {
		var h []string
		for _, tag := range c.tags {
			h = append(h, tagHeader, tag)
		}
		n := newNetwork(t, c.site, func(_ context.Context, i int, _ *message.Request) (*message.Response, error) {
			r := ok(fmt.Sprint("answer ", i), "ETag", `"same"`)
			for i := 0; i < len(h); i += 2 {
				r.Header.Add(h[i], h[i+1])
			}
			return r, nil
		})
		n.get("/page")
		if r := n.get("/page"); r.xcache() != "Hit" || r.Header.Joined(tagHeader) != strings.Join(c.tags, ", ") {
			t.Fatalf("%s, %s: %q", r.xcache(), tagHeader, r.Header.Joined(tagHeader))
		}
		n.invalidate(c.purge)
		r := n.get("/page")
		if miss := r.xcache() == "Miss"; miss != c.miss {
			t.Errorf("%v after invalidating %s: %s", c.tags, c.purge, r.xcache())
		}
		if c.miss && n.at.last().Header.Has("If-None-Match") {
			t.Errorf("%v after invalidating %s: it was only asked for conditionally", c.tags, c.purge)
		}
		if r := n.get("/page"); r.xcache() != "Hit" {
			t.Errorf("%v once fetched anew: %s", c.tags, r.xcache())
		}
	}
}

// TestATagMatchesWhateverCarriesIt: other paths, variants, errors, the answer to a
// HEAD; and nothing else.
func TestATagMatchesWhateverCarriesIt(t *testing.T) {
	n := newNetwork(t, site{tagHeader: tagHeader, behaviors: []behavior{{def: 600, max: 600, forwarded: "<QueryString>true</QueryString><Headers><Items><Name>X-Kind</Name></Items></Headers>"}}},
		func(_ context.Context, i int, r *message.Request) (*message.Response, error) {
			tag := "shared,own" + r.Path
			if strings.HasSuffix(r.Path, "other") {
				tag = "own" + r.Path
			}
			code := 200
			if strings.HasSuffix(r.Path, "missing") {
				code = 404
			}
			return status(code, fmt.Sprint("answer ", i), tagHeader, tag, "Cache-Control", "max-age=600"), nil
		})
	asks := []*message.Request{
		n.request("GET", "/a"), n.request("GET", "/a?q=1"), n.request("GET", "/a", "X-Kind", "1"), n.request("GET", "/deep/b"), n.request("HEAD", "/head"), n.request("GET", "/missing"),
	}
	hit := func(r *message.Request) bool {
		x := n.do(r).xcache()
		return x == "Hit" || x == "Error" && n.do(r).Header.Has("Age")
	}
	for _, r := range append(asks, n.request("GET", "/other")) {
		n.do(r)
	}
	before := n.at.count()
	for _, r := range asks {
		if n.do(r); n.at.count() != before {
			t.Fatalf("%s %s is not stored", r.Method, r.Path)
		}
	}
	n.invalidate("#shared")
	if r := n.get("/other"); r.xcache() != "Hit" {
		t.Errorf("what has other tags: %s", r.xcache())
	}
	for i, r := range asks {
		if n.do(r); n.at.count() != before+i+1 {
			t.Errorf("%s %s?%s was served though one of its tags was invalidated", r.Method, r.Path, r.Query)
		}
		if !hit(r) {
			t.Errorf("%s %s was not stored anew", r.Method, r.Path)
		}
	}
}

func TestTagsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	f := &film{size: 3*cache.SliceSize + 5, header: []string{tagHeader, "films,x"}}
	answer := func(ctx context.Context, i int, r *message.Request) (*message.Response, error) {
		if strings.HasSuffix(r.Path, "/film") {
			return f.answer(ctx, i, r)
		}
		return ok(fmt.Sprint("answer ", i), tagHeader, r.Path[len("/base/"):]), nil
	}
	before := newNetworkOver(t, openDisk(t, dir), tagged, answer)
	for _, uri := range []string{"/film", "/kept", "/purged"} {
		before.get(uri)
	}
	if err := before.edge.Close(); err != nil {
		t.Fatal(err)
	}
	after := newNetworkOver(t, openDisk(t, dir), tagged, answer)
	after.invalidate("#Purged", "#FILMS")
	f.version.Add(1)
	for uri, want := range map[string]string{"/kept": "Hit", "/purged": "Miss", "/film": "Miss"} {
		r := after.get(uri)
		if r.xcache() != want {
			t.Errorf("%s: %s", uri, r.xcache())
		}
		if uri == "/film" && r.body != f.part(0, f.size) {
			t.Error("the film is of two versions")
		}
	}
}

// TestAConfirmationBringsTheTagsUpToDate: a 304 may name other tags, or none, which
// says nothing.
func TestAConfirmationBringsTheTagsUpToDate(t *testing.T) {
	var says atomic.Value
	n := newNetwork(t, tagged, func(_ context.Context, i int, r *message.Request) (*message.Response, error) {
		h := []string{"ETag", `"same"`, "Cache-Control", "max-age=60"}
		if tag := says.Load().(string); tag != "" {
			h = append(h, tagHeader, tag)
		}
		if r.Header.Has("If-None-Match") {
			return status(304, "", h...), nil
		}
		return ok(fmt.Sprint("answer ", i), h...), nil
	})
	confirm := func(tag string) {
		t.Helper()
		says.Store(tag)
		n.advance(61 * time.Second)
		if r := n.get("/x"); r.xcache() != "RefreshHit" {
			t.Fatalf("with the tag %q: %s", tag, r.xcache())
		}
	}
	says.Store("first")
	n.get("/x")
	confirm("second")
	n.invalidate("#first")
	if r := n.get("/x"); r.xcache() != "Hit" {
		t.Errorf("after invalidating a tag it has no more: %s", r.xcache())
	}
	confirm("")
	n.invalidate("#second")
	if r := n.get("/x"); r.xcache() != "Miss" {
		t.Errorf("after invalidating the tag it has: %s", r.xcache())
	}
}

// TestOldTagsDoNotComeBackFromTheDisk with a process that ends before it has written
// down what the origin said of them last.
func TestOldTagsDoNotComeBackFromTheDisk(t *testing.T) {
	dir, tag := t.TempDir(), "first"
	answer := func(_ context.Context, i int, r *message.Request) (*message.Response, error) {
		h := []string{"ETag", `"same"`, "Cache-Control", "max-age=86400", tagHeader, tag}
		if r.Header.Has("If-None-Match") {
			return status(304, "", h...), nil
		}
		return ok(fmt.Sprint("answer ", i), h...), nil
	}
	n := newNetworkOver(t, openDisk(t, dir), tagged, answer)
	n.get("/x")
	if err := n.edge.Close(); err != nil {
		t.Fatal(err)
	}

	d := openDisk(t, dir)
	n = newNetworkOver(t, d, tagged, answer)
	if r := n.get("/x"); r.xcache() != "Hit" {
		t.Fatalf("from the disk: %s", r.xcache())
	}
	n.edge.stopWriting()
	n.edge.keeping.Wait()
	n.lease.ended.Store(true)
	tag = "second"
	if r := n.get("/x"); r.xcache() != "RefreshHit" {
		t.Fatalf("without a lease: %s", r.xcache())
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	n = newNetworkOver(t, openDisk(t, dir), tagged, answer)
	n.invalidate("#second")
	if r := n.get("/x"); r.xcache() != "Miss" {
		t.Errorf("after invalidating the tag that the origin named last: %s", r.xcache())
	}
}

// TestWhoJoinsAFetchIsNotServedWhatATagInvalidated is rule J: which tags the answer
// will have nobody knows who waits for it.
func TestWhoJoinsAFetchIsNotServedWhatATagInvalidated(t *testing.T) {
	for _, stale := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			g := newGate()
			slow := 1
			n := newNetwork(t, tagged, func(ctx context.Context, i int, _ *message.Request) (*message.Response, error) {
				if i < slow {
					return ok("old", tagHeader, "x", "ETag", `"a"`, "Cache-Control", "max-age=1, stale-if-error=9999"), nil
				}
				if i > slow {
					return ok(fmt.Sprint("answer ", i), tagHeader, "x"), nil
				}
				if err := g.wait(ctx); err != nil {
					return nil, err
				}
				if stale {
					return nil, errRefused
				}
				return ok("old", tagHeader, "x"), nil
			})
			if stale { // what is stored stands in for an origin that fails
				slow = 2
				n.get("/x")
				n.advance(2 * time.Second)
			}
			ask := func(int) *message.Request { return n.request("GET", "/x") }
			before := n.viewers(2, ask)
			n.invalidate("#x")
			after := n.viewers(2, ask)
			close(g.open)
			for _, r := range before.all() {
				if r.body != "old" {
					t.Errorf("who asked before: %d %q", r.Status, r.body)
				}
			}
			for _, r := range after.all() {
				if r.body != "answer 2" && (!stale || r.Status != 502) { // the fetch that they joined failed
					t.Errorf("who asked after: %d %q", r.Status, r.body)
				}
			}
		})
	}
}

// TestATierThatDoesNotKnowOfATagIsPassedOver is rule D: nothing says of what is asked
// for that it has the tag.
func TestATierThatDoesNotKnowOfATagIsPassedOver(t *testing.T) {
	c := newCity(t, 2, tagged, func(_ context.Context, i int, _ *message.Request) (*message.Response, error) {
		return ok(fmt.Sprint("answer ", i), tagHeader, "x"), nil
	})
	uri := c.owner("/p", 1)
	asker, owner := c.nodes[0], c.nodes[1]
	owner.get(uri)
	asker.invalidate("#x")
	if r := asker.get(uri); r.body != "answer 2" {
		t.Errorf("the owner lags, and its copy was served: %q", r.body)
	}
	owner.invalidate("#x")
	asker.edge.store.Remove(asker.stored(uri))
	c.until("the owner is asked again", func() bool {
		if o := asker.stored(uri); o != nil {
			asker.edge.store.Remove(o)
		}
		r := asker.get(uri)
		return strings.Contains(r.Header.Joined("Cache-Status"), "NRT-2")
	})
	if r := asker.get(uri); r.body == "answer 1" {
		t.Error("what was invalidated came back")
	}
	if o := asker.stored(uri); o == nil || len(o.Tags) != 1 {
		t.Errorf("what came through a tier is stored as %+v", o)
	}
}

// TestTagsUnderAnEarlierHeaderCount: what was promised of an object holds though the
// distribution has changed.
func TestTagsUnderAnEarlierHeaderCount(t *testing.T) {
	n := newNetwork(t, tagged, numbered(tagHeader, "x"))
	n.get("/x")
	n.applyChange(site{}.change("E1"))
	n.invalidate("#x")
	if r := n.get("/x"); r.xcache() != "Miss" {
		t.Errorf("%s", r.xcache())
	}
	if o := n.stored("/x"); o == nil || len(o.Tags) != 0 || o.Birth != (cdn.Version{Epoch: 1, Number: n.state.Load().Version.Number}) {
		t.Errorf("stored: %+v", o)
	}
}
