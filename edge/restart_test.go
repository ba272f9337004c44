package edge

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/cache/disk"
	"github.com/warmfront/warmfront/edge/message"
)

func openDisk(t *testing.T, dir string) *disk.Store {
	t.Helper()
	d, err := disk.Open(disk.Config{Dir: dir, Limit: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestARestartedEdgeServesWhatItHad, and nothing that was invalidated meanwhile
// (rules E and P).
func TestARestartedEdgeServesWhatItHad(t *testing.T) {
	dir := t.TempDir()
	before := newNetworkOver(t, openDisk(t, dir), site{}, numbered("ETag", `"x"`))
	before.get("/kept")
	before.get("/purged")
	if err := before.edge.Close(); err != nil {
		t.Fatal(err)
	}

	after := newNetworkOver(t, openDisk(t, dir), site{}, numbered("ETag", `"y"`))
	after.invalidate("/purged")
	if r := after.get("/kept"); r.xcache() != "Hit" || r.body != "answer 1" {
		t.Errorf("kept: %s %q", r.xcache(), r.body)
	}
	if r := after.get("/purged"); r.xcache() != "Miss" || r.body != "answer 1" || after.at.count() != 1 || after.at.last().Header.Has("If-None-Match") {
		t.Errorf("purged: %s %q, asked %d times", r.xcache(), r.body, after.at.count())
	}
	// A node that has not got its lease yet asks.
	after.lease.ended.Store(true)
	if r := after.get("/kept"); r.xcache() == "Hit" || after.at.count() != 2 {
		t.Errorf("without a lease: %s", r.xcache())
	}
}

func TestALargeObjectComesFromTheDisk(t *testing.T) {
	dir := t.TempDir()
	f := &film{size: 3*cache.SliceSize + 5}
	before := newNetworkOver(t, openDisk(t, dir), site{}, f.answer)
	want := f.part(0, f.size)
	if r := before.get("/film"); r.body != want {
		t.Fatal("the first answer is wrong")
	}
	if err := before.edge.Close(); err != nil {
		t.Fatal(err)
	}
	after := newNetworkOver(t, openDisk(t, dir), site{}, f.answer)
	if r := after.get("/film"); r.xcache() != "Hit" || r.body != want || after.at.count() != 0 {
		t.Errorf("%s, %d bytes, asked %d times", r.xcache(), len(r.body), after.at.count())
	}
	after.invalidate("/*")
	f.version.Add(1)
	if r := after.get("/film"); r.xcache() != "Miss" || r.body != f.part(0, f.size) {
		t.Errorf("after the invalidation: %s, %d bytes", r.xcache(), len(r.body))
	}
}

// TestWhatTheDiskLostIsFetchedAnew where nothing says of which version the missing
// part would be.
func TestWhatTheDiskLostIsFetchedAnew(t *testing.T) {
	dir, page := t.TempDir(), strings.Repeat("x", 600<<10)
	answer := func(context.Context, int, *message.Request) (*message.Response, error) { return ok(page), nil }
	before := newNetworkOver(t, openDisk(t, dir), site{}, answer)
	before.get("/a")
	if err := before.edge.Close(); err != nil {
		t.Fatal(err)
	}
	rotten := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.Contains(path, "bodies") {
			return err
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteAt([]byte("rot"), 599<<10)
		rotten++
		return errors.Join(err, f.Close())
	})
	if err != nil || rotten != 1 {
		t.Fatal(err, rotten)
	}
	after := newNetworkOver(t, openDisk(t, dir), site{}, answer)
	after.get("/a") // finds out
	for range 2 {
		if r := after.get("/a"); r.err != nil || r.body != page {
			t.Errorf("%s, %d of %d bytes, %v", r.xcache(), len(r.body), len(page), r.err)
		}
	}
}

// TestWhoMayNotWaitLooksAtMemoryAlone: a connection's own goroutine, and who holds the
// lock of many keys.
func TestWhoMayNotWaitLooksAtMemoryAlone(t *testing.T) {
	dir := t.TempDir()
	before := newNetworkOver(t, openDisk(t, dir), site{}, numbered("ETag", `"x"`))
	before.get("/a")
	if err := before.edge.Close(); err != nil {
		t.Fatal(err)
	}
	after := newNetworkOver(t, openDisk(t, dir), site{}, numbered())
	x, req := after.edge.newExchange(), after.request("GET", "/a")
	if x.Ready(req) || x.arrivedMeanwhile() || x.renewed() || after.edge.store.Objects() != 0 {
		t.Errorf("something was read from the disk: %d objects", after.edge.store.Objects())
	}
	if r := after.get("/a"); r.xcache() != "Hit" || !x.Ready(req) || !x.arrivedMeanwhile() {
		t.Errorf("once it was read: %s", r.xcache())
	}
}
