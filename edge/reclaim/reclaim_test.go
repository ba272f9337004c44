package reclaim

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/cache/disk"
)

const config = `<DistributionConfig><CallerReference>x</CallerReference><Origins><Items><Origin><Id>o</Id><DomainName>origin.test</DomainName>` +
	`<CustomOriginConfig><HTTPPort>80</HTTPPort><HTTPSPort>443</HTTPSPort><OriginProtocolPolicy>http-only</OriginProtocolPolicy></CustomOriginConfig></Origin></Items></Origins>` +
	`<DefaultCacheBehavior><TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy>` +
	`<CachePolicyId>658327ea-f89d-4fab-a63d-7e88639e58f6</CachePolicyId></DefaultCacheBehavior><Enabled>true</Enabled></DistributionConfig>`

func apply(t testing.TB, s *cdn.State, kind cdn.Kind, body any) *cdn.State {
	t.Helper()
	c, err := cdn.NewChange(kind, body, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	c.Version = s.Version.Next()
	next, err := s.Apply(c)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func base(t testing.TB) *cdn.State {
	s := cdn.NewState(1)
	for _, id := range []string{"E1", "E2"} {
		s = apply(t, s, cdn.KindDistributionPut, cdn.Distribution{ID: id, Domain: id + ".test", Config: config})
	}
	return s
}

func invalidate(t testing.TB, s *cdn.State, distribution string, paths ...string) *cdn.State {
	return apply(t, s, cdn.KindInvalidation, cdn.Invalidation{ID: "I", Distribution: distribution, Paths: paths})
}

// object is one of a distribution, born at a version, with a body of that size.
func object(t testing.TB, distribution, path string, birth cdn.Version, size int, tags ...string) *cache.Object {
	b := cache.NewBody(int64(size))
	for b.Size() < int64(size) {
		room, err := b.Buffer(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		b.Commit(len(room))
	}
	b.Finish(nil)
	return &cache.Object{
		Key: distribution + "\x00GET\x00" + path + "\x00", Status: 200, Body: b, Length: int64(size), Birth: birth, URIs: []string{path}, Tags: tags,
	}
}

func TestWhatIsOutdated(t *testing.T) {
	s := base(t)
	before := s.Version
	s = invalidate(t, s, "E1", "/a", "/p*", "#tag")
	s = apply(t, s, cdn.KindDistributionDelete, cdn.Ref{ID: "E2"})
	after := s.Version
	older := cdn.Version{Epoch: 0, Number: 9}
	snap, err := invalidate(t, invalidate(t, s, "E1", "/x"), "E1", "/y").SnapshotKeeping(1)
	if err != nil {
		t.Fatal(err)
	}
	floored, err := cdn.Restore(snap)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		state *cdn.State
		o     *cache.Object
		dead  bool
	}{
		"matched":                          {s, object(t, "E1", "/a", before, 1), true},
		"born since":                       {s, object(t, "E1", "/a", after, 1), false},
		"another path":                     {s, object(t, "E1", "/b", before, 1), false},
		"beneath a wildcard":               {s, object(t, "E1", "/p/q", before, 1), true},
		"by tag":                           {s, object(t, "E1", "/b", before, 1, "#other", "#tag"), true},
		"another tag":                      {s, object(t, "E1", "/b", before, 1, "#other"), false},
		"of a deleted one":                 {s, object(t, "E2", "/b", before, 1), true},
		"of one that is not known yet":     {s, object(t, "E3", "/b", after.Next(), 1), false},
		"of an older epoch, matched":       {s, object(t, "E1", "/a", older, 1), true},
		"of an older epoch":                {s, object(t, "E1", "/b", older, 1), false},
		"below the floor, to be confirmed": {floored, object(t, "E1", "/b", before, 1), false},
		"below the floor, and matched":     {floored, object(t, "E1", "/y", before, 1), true},
	} {
		if got := c.o.Outdated(c.state); got != c.dead {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestASweepGivesBackWhatWasInvalidated, of memory and of the disk, and nothing else;
// and nothing happens while nothing is invalidated.
func TestASweepGivesBackWhatWasInvalidated(t *testing.T) {
	d, err := disk.Open(disk.Config{Dir: t.TempDir(), Limit: 256 << 20, ScrubRate: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	store := cache.NewStore(64<<20, d, slog.New(slog.DiscardHandler))
	s := base(t)
	birth := s.Version
	const objects, size = 3000, 4000
	for i := range objects {
		store.Put(object(t, "E1", fmt.Sprint("/purged/", i), birth, size))
		if i%10 == 0 {
			store.Put(object(t, "E1", fmt.Sprint("/kept/", i), birth, size, fmt.Sprint("#t", i%3)))
			store.Put(object(t, "E2", fmt.Sprint("/purged/", i), birth, size))
		}
		if i%500 == 0 {
			drainJobs(store)
		}
	}
	drainJobs(store)
	if n := d.Stats().Records; n != objects*12/10 {
		t.Fatalf("%d records on the disk", n)
	}
	w := New(func() *cdn.State { return s }, store)
	ctx := t.Context()
	memory, onDisk := store.Bytes(), d.Stats().Records
	if w.sweep(ctx, s); store.Bytes() != memory || d.Stats().Records != onDisk {
		t.Fatal("something was given back though nothing was invalidated")
	}
	s = invalidate(t, s, "E1", "/purged/*")
	w.sweep(ctx, s)
	if got := store.Objects(); got != objects/5 {
		t.Errorf("%d objects are left in memory, want %d", got, objects/5)
	}
	if got := store.Reclaimed(); got < objects*size || got != memory-store.Bytes() {
		t.Errorf("%d bytes were given back, memory holds %d less", got, memory-store.Bytes())
	}
	if got := d.Stats(); got.Records != objects/5 || got.Reclaimed < objects*size {
		t.Errorf("%d records and %d bytes given back on the disk", got.Records, got.Reclaimed)
	}
	s = invalidate(t, s, "E1", "#t0")
	w.sweep(ctx, s)
	if got, want := d.Stats().Records, int64(objects/5-objects/30); got != want || store.Objects() != want {
		t.Errorf("by tag: %d and %d are left, want %d", got, store.Objects(), want)
	}
	for i := 0; i < objects; i += 10 {
		if o := object(t, "E1", fmt.Sprint("/kept/", i), birth, 0); (store.Get(o.Key, func(*cache.Object) bool { return true }) != nil) != (i%3 != 0) {
			t.Fatalf("%q: what was not invalidated is gone, or what was is there", o.Key)
		}
	}
}

// drainJobs has a store write what waits for the disk.
func drainJobs(s *cache.Store) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.Run(ctx)
}

// TestSweepsRunAfterInvalidations: in the background, one for many, and they end with
// the edge.
func TestSweepsRunAfterInvalidations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var state atomic.Pointer[cdn.State]
		s := base(t)
		state.Store(s)
		store := cache.NewStore(1<<20, nil, slog.New(slog.DiscardHandler))
		for i := range 100 {
			store.Put(object(t, "E1", fmt.Sprint("/", i), s.Version, 10))
		}
		ctx, stop := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { New(state.Load, store).Run(ctx) })
		<-time.After(10 * time.Second)
		if store.Objects() != 100 {
			t.Errorf("%d objects are left though nothing was invalidated", store.Objects())
		}
		for i := range 50 {
			s = invalidate(t, s, "E1", fmt.Sprint("/", i))
		}
		state.Store(s)
		<-time.After(2*every + longest)
		if store.Objects() != 50 {
			t.Errorf("%d objects are left, want 50", store.Objects())
		}
		stop()
		running.Wait()
	})
}

// TestASweepAmongRequests: what is put in, asked for and removed meanwhile is none of
// its business (run with -race).
func TestASweepAmongRequests(t *testing.T) {
	store := cache.NewStore(32<<20, nil, slog.New(slog.DiscardHandler))
	s := base(t)
	old := s.Version
	s = invalidate(t, s, "E1", "/*")
	for i := range 5000 {
		store.Put(object(t, "E1", fmt.Sprint("/", i), old, 100))
	}
	var viewers sync.WaitGroup
	for v := range 4 {
		viewers.Go(func() {
			for i := v; i < 5000; i += 4 {
				o := object(t, "E1", fmt.Sprint("/", i), s.Version, 100)
				o.Order = 1
				if i%2 == 0 {
					store.Put(o)
				}
				store.Get(o.Key, func(*cache.Object) bool { return true })
			}
		})
	}
	w := New(func() *cdn.State { return s }, store)
	w.sweep(t.Context(), s)
	viewers.Wait()
	w.swept = cdn.Version{}
	w.sweep(t.Context(), s)
	if got := store.Objects(); got != 2500 {
		t.Errorf("%d objects are left, want those that were put in since: 2500", got)
	}
}
