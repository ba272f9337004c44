package cache

import (
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/warmfront/warmfront/cdn"
)

// nobodys is a state without a distribution: all that is stored is outdated by it.
var nobodys = &cdn.State{Version: cdn.Version{Epoch: 1, Number: 1}}

// TestASweepGivesBackSlices: what is counted as given back is what memory holds less,
// and who reads has what it reads.
func TestASweepGivesBackSlices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &origin{size: 5*SliceSize + 7}
		s := NewStore(64<<20, nil, slog.New(slog.DiscardHandler))
		b := NewSliced(o.size)
		s.Put(&Object{Key: "k", Body: b, Length: o.size})
		reads(t, b, o, 0, 2*SliceSize)
		synctest.Wait()
		var r Reader
		b.OpenFrom(t.Context(), &r, 0, SliceSize, o)
		before := s.Bytes()
		if before < 2*SliceSize {
			t.Fatalf("%d bytes are stored", before)
		}
		s.Sweep(&cdn.State{}, func() bool { return true })
		if s.Bytes() != before || s.Reclaimed() != 0 {
			t.Error("a sweep took what is alive")
		}
		s.Sweep(nobodys, func() bool { return true })
		if s.Bytes() != 0 || s.Objects() != 0 || s.Reclaimed() != before {
			t.Errorf("%d bytes are left, %d of %d were given back", s.Bytes(), s.Reclaimed(), before)
		}
		if piece, err := r.Next(); err != nil || len(piece) == 0 || piece[0] != contentAt(0) {
			t.Errorf("who was reading: %d bytes, %v", len(piece), err)
		}
		_ = r.Close()
	})
}

func TestASweepEndsWhenItIsTold(t *testing.T) {
	s := NewStore(1<<20, nil, slog.New(slog.DiscardHandler))
	for _, key := range []string{"a", "b", "c", "d"} {
		s.Put(object(key, "", 10))
	}
	n := 0
	s.Sweep(nobodys, func() bool { n++; return n < 2 })
	if s.Objects() != 2 {
		t.Errorf("%d objects are left", s.Objects())
	}
}
