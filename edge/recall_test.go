package edge

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/cache/disk"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/journal"
)

// versions is an origin whose pages are of the version that they are set to.
type versions struct {
	now    atomic.Int64
	failed atomic.Bool
}

func (v *versions) answer(_ context.Context, _ int, r *message.Request) (*message.Response, error) {
	if v.failed.Load() {
		return nil, errRefused
	}
	tag := fmt.Sprintf(`"v%d"`, v.now.Load())
	if r.Header.Get("If-None-Match") == tag {
		return status(304, "", "ETag", tag), nil
	}
	return ok("version "+tag, "ETag", tag, "Cache-Control", "max-age=86400, stale-if-error=86400"), nil
}

// copyFolder puts a copy of a folder in the place of another.
func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// nodeWith is an edge over a folder that has joined as the node of which control
// remembers what is known.
func nodeWith(t *testing.T, dir, name string, known *journal.Disk, v *versions) *network {
	t.Helper()
	s := site{strict: true, behaviors: []behavior{{policy: optimized, methods: all7}}}
	n := newNetworkOver(t, openDisk(t, dir), s, v.answer)
	if err := n.edge.Joined(name, *known, false); err != nil {
		t.Fatal(err)
	}
	*known = n.edge.Disk()
	return n
}

// stop ends a node in good order: control is told of its folder.
func (n *network) stop(known *journal.Disk) {
	if err := n.edge.Close(); err != nil {
		n.t.Fatal(err)
	}
	*known = n.edge.Disk()
}

// TestADiskPutBackIsConfirmed (rule O): what was replaced since the copy was made, by
// no invalidation, has no birth to tell.
func TestADiskPutBackIsConfirmed(t *testing.T) {
	dir, copied := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	v, known := &versions{}, journal.Disk{}
	n := nodeWith(t, dir, "J", &known, v)
	for _, uri := range []string{"/same", "/replaced", "/purged", "/failing"} {
		n.get(uri)
	}
	n.stop(&known)
	copyFolder(t, dir, copied)

	n = nodeWith(t, dir, "J", &known, v)
	if r := n.get("/same"); r.xcache() != "Hit" {
		t.Fatalf("a restart in good order: %s", r.xcache())
	}
	v.now.Store(1)
	n.do(n.request("PUT", "/replaced"))
	if r := n.get("/replaced"); r.body != `version "v1"` {
		t.Fatalf("replaced: %s", r.body)
	}
	n.stop(&known)

	copyFolder(t, copied, dir)
	n = nodeWith(t, dir, "J", &known, v)
	n.invalidate("/purged")
	v.failed.Store(true)
	if r := n.get("/failing"); r.Status != 502 {
		t.Errorf("the origin does not confirm it: %d %s %q", r.Status, r.xcache(), r.body)
	}
	v.failed.Store(false)
	if r := n.get("/replaced"); r.xcache() != "Miss" || r.body != `version "v1"` {
		t.Errorf("what was replaced: %s %q", r.xcache(), r.body)
	}
	if r := n.get("/purged"); r.xcache() != "Miss" || n.at.last().Header.Has("If-None-Match") {
		t.Errorf("what is invalidated: %s", r.xcache())
	}
	v.now.Store(0)
	for _, want := range []string{"RefreshHit", "Hit"} {
		if r := n.get("/same"); r.xcache() != want || r.body != `version "v0"` {
			t.Errorf("what is the same: %s %q, want %s", r.xcache(), r.body, want)
		}
	}
	n.stop(&known)

	// What was confirmed, or stored since, is as good as any; the rest is still to be.
	n = nodeWith(t, dir, "J", &known, v)
	for uri, want := range map[string]string{"/same": "Hit", "/replaced": "Hit", "/failing": "RefreshHit"} {
		if r := n.get(uri); r.xcache() != want {
			t.Errorf("after another restart, %s: %s, want %s", uri, r.xcache(), want)
		}
	}
}

// TestWhatTheOriginDidNotConfirmStaysRecalled although the edge kept it for as long as
// the origin fails, before it knew that its disk was put back.
func TestWhatTheOriginDidNotConfirmStaysRecalled(t *testing.T) {
	dir, v, known := t.TempDir(), &versions{}, journal.Disk{}
	n := newNetworkOver(t, openDisk(t, dir), site{}, v.answer)
	n.get("/a")
	n.stop(&known)
	n = newNetworkOver(t, openDisk(t, dir), site{}, v.answer)
	n.lease.ended.Store(true)
	v.failed.Store(true)
	if r := n.get("/a"); r.Status != 504 {
		t.Fatalf("without a lease: %d %s", r.Status, r.body)
	}
	known.Mark += 9
	if err := n.edge.Joined("J", known, false); err != nil {
		t.Fatal(err)
	}
	n.lease.ended.Store(false)
	n.advance(1)
	for range 2 {
		if r := n.get("/a"); r.Status == 200 {
			t.Errorf("%s %q", r.xcache(), r.body)
		}
	}
	n.stop(&known)
	n = newNetworkOver(t, openDisk(t, dir), site{}, v.answer)
	if o := n.stored("/a"); o == nil || !n.edge.store.Doubt().Of(o) {
		t.Errorf("after a restart it is trusted: %v", o)
	}
}

// TestWhatWasInvalidatedWhileTheNodeWasDownIsOfNoUse, so that the disk drops it before
// anybody asks.
func TestWhatWasInvalidatedWhileTheNodeWasDownIsOfNoUse(t *testing.T) {
	dir, v, known := t.TempDir(), &versions{}, journal.Disk{}
	n := newNetworkOver(t, openDisk(t, dir), site{}, v.answer)
	keys := map[string]string{}
	for _, uri := range []string{"/kept", "/purged"} {
		n.get(uri)
		keys[uri] = n.stored(uri).Key
	}
	n.stop(&known)
	before := n.state.Load()
	n.invalidate("/purged")
	purged := n.state.Load()
	n.apply(cdn.KindDistributionDelete, cdn.Ref{ID: "E1"})
	d := openDisk(t, dir)
	defer d.Close()
	for _, c := range []struct {
		name  string
		uri   string
		state *cdn.State
		want  bool
	}{
		{"nothing is applied yet", "/purged", nil, false},
		{"nothing is applied yet, but the epoch is known", "/purged", cdn.NewState(1), false},
		{"before it was invalidated", "/purged", before, false},
		{"invalidated", "/purged", purged, true},
		{"not invalidated", "/kept", purged, false},
		{"its distribution is deleted", "/kept", n.state.Load(), true},
	} {
		r, err := d.Find(keys[c.uri], func([]byte) bool { return true })
		if err != nil || r == nil {
			t.Fatalf("%s: %v", c.uri, err)
		}
		if got := cache.Outdated(c.state, r.Key(), r.Head(), r.Birth()); got != c.want {
			t.Errorf("%s: %s is of no use: %v", c.name, c.uri, got)
		}
		_ = r.Close() // it was only read
	}
	if !cache.Outdated(before, "k", []byte("x"), cdn.Version{}) {
		t.Error("what nobody can read is of use")
	}
}

// TestWhatIsOfAnotherJournalIsNotServed, in memory or on the disk, although a version
// of the one looks like one of the other.
func TestWhatIsOfAnotherJournalIsNotServed(t *testing.T) {
	for name, dir := range map[string]string{"memory": "", "disk": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			v := &versions{}
			n := newNetwork(t, site{}, v.answer)
			if dir != "" {
				n = newNetworkOver(t, openDisk(t, dir), site{}, v.answer)
			}
			before := "J"
			n.edge.journal.Store(&before)
			n.get("/a")
			asked := n.edge.newExchange()
			asked.receive(n.request("GET", "/late"))
			if f := asked.route(); f != nil {
				t.Fatal(f.sentence)
			}
			if err := n.edge.Joined("other", journal.Disk{}, false); err != nil {
				t.Fatal(err)
			}
			// A request of before asks after it, by a plan of the other journal.
			late := asked.newFlight()
			n.edge.fetcher.Launch(late)
			if err := late.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			late.Abandon()
			v.now.Store(1)
			for _, uri := range []string{"/a", "/late"} {
				if r := n.get(uri); r.xcache() == "Hit" || r.body != `version "v1"` {
					t.Errorf("%s: %s %q", uri, r.xcache(), r.body)
				}
				if r := n.get(uri); r.xcache() != "Hit" {
					t.Errorf("%s once it was asked for: %s", uri, r.xcache())
				}
			}
		})
	}
}

// atWarning calls do when something is warned of.
type atWarning struct {
	slog.Handler
	do func()
}

func (h atWarning) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }
func (h atWarning) Handle(context.Context, slog.Record) error    { h.do(); return nil }

// TestAFetchThatBeginsWhileAnotherJournalIsJoined goes by the one before: its birth is
// a version of that, and would outlast every invalidation for a while.
func TestAFetchThatBeginsWhileAnotherJournalIsJoined(t *testing.T) {
	begin := func() {}
	d, err := disk.Open(disk.Config{Dir: t.TempDir(), Limit: 64 << 20, Logger: slog.New(atWarning{slog.DiscardHandler, func() { begin() }})})
	if err != nil {
		t.Fatal(err)
	}
	v := &versions{}
	n := newNetworkOver(t, d, site{}, v.answer)
	if err := n.edge.Joined("J", journal.Disk{}, false); err != nil {
		t.Fatal(err)
	}
	another := n.state.Load()
	for range 10 {
		n.invalidate("/other")
	}
	x := n.edge.newExchange()
	x.receive(n.request("GET", "/a"))
	if f := x.route(); f != nil {
		t.Fatal(f.sentence)
	}
	f := x.newFlight() // it waits for its turn
	n.lease.ended.Store(true)
	n.state.Store(cdn.NewState(0))
	begun := false
	begin = func() {
		begun = true
		n.edge.fetcher.Launch(f)
		if err := f.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if err := n.edge.Joined("K", n.edge.Disk(), false); err != nil || !begun {
		t.Fatal(err, begun)
	}
	n.state.Store(another)
	n.lease.ended.Store(false)
	n.invalidate("/a")
	if r := n.get("/a"); r.xcache() == "Hit" {
		t.Errorf("what was fetched by the journal before is served after an invalidation: %q", r.body)
	}
	if r := n.get("/a"); r.xcache() != "Hit" {
		t.Errorf("what was fetched since: %s", r.xcache())
	}
}
