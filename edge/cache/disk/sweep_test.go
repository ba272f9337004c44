package disk

import (
	"fmt"
	"strings"
	"testing"

	"github.com/warmfront/warmfront/cdn"
)

// TestSweep removes what it is told to, large bodies too, for good; and comes by
// every record.
func TestSweep(t *testing.T) {
	s := open(t, t.TempDir())
	const records = 2000
	for i := range records {
		if err := s.Put(fmt.Sprintf("%s/%d", []string{"kept", "purged"}[i%2], i), "", []byte("head"), version(uint64(i)), pattern(100, 1)); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"kept/large", "purged/large"} {
		w, err := s.Create(key, "", []byte("head"), version(1), 2*SliceSize)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.WriteSlice(0, pattern(SliceSize, 2)); err != nil {
			t.Fatal(err)
		}
		r, err := w.Commit()
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Close()
	}
	seen, large := 0, s.large.Load()
	s.Sweep(func(key string, head []byte, _ cdn.Version) bool {
		seen++
		if string(head) != "head" {
			t.Fatalf("the head of %s is %q", key, head)
		}
		return strings.HasPrefix(key, "purged/")
	}, func() bool { return true })
	if seen != records+2 {
		t.Errorf("it came by %d records of %d", seen, records+2)
	}
	if st := s.Stats(); st.Records != records/2+1 || st.Reclaimed < records/2*100+SliceSize || s.large.Load() >= large {
		t.Errorf("%d records are left, %d bytes were given back, large bodies take %d of %d", st.Records, st.Reclaimed, s.large.Load(), large)
	}
	s = reopen(t, s)
	if n := s.Stats().Records; n != records/2+1 {
		t.Errorf("%d records after a restart", n)
	}
	if r, err := s.Find("purged/large", all); r != nil || err != nil {
		t.Errorf("what was swept is found: %v", err)
	}
	n := 0
	s.Sweep(func(string, []byte, cdn.Version) bool { n++; return true }, func() bool { return n < 10 })
	if got := s.Stats().Records; got != records/2+1-10 {
		t.Errorf("%d records are left after ten", got)
	}
}
