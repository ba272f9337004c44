package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stocked makes a folder with a bit of everything, and returns the keys in it.
func stocked(t testing.TB, dir string) []string {
	s := open(t, dir)
	s.segments.full = 200 << 10
	var keys []string
	for i := range 12 {
		key := fmt.Sprint("a", i%8) // some are replaced
		head, data := value(key, i)
		put(t, s, key, "", string(head), 1, data)
		keys = append(keys, key)
		if i == 6 {
			if err := s.checkpoint(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range 3 {
		key := fmt.Sprint("b", i%2)
		head, data := largeValue(key, i)
		create(t, s, key, "", string(head), 1, data).Close()
		keys = append(keys, key)
	}
	// A body that is, byte for byte, a record of this store for another key, where resynchronising would look.
	h := header{segment: 1, at: 1 << 10, seq: 99, key: s.identity.hash("forged"), variant: s.identity.hashVariant("forged", "")}
	forged := make([]byte, 4096)
	h.encode(forged, 0) // but for the secret
	put(t, s, "a9", "", "a9/2", 1, forged[:5000-904])
	_ = s.lock.Close()
	s.closed.Store(true)
	return append(keys, "a8", "forged")
}

func allFiles(t testing.TB, dir string) (names []string) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && d.Name() != "lock" {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// FuzzDamage damages the folder of a store: each three numbers are a file, a place in it and what is done there. What
// is found afterwards was stored under that key, and the store can be written to.
func FuzzDamage(f *testing.F) {
	for i := range uint16(10) {
		f.Add(binary.BigEndian.AppendUint16(nil, i*4099))
		f.Add([]byte{byte(i), byte(i), byte(i * 31), byte(i), 0, 0, 0, 0, 0, byte(i), 0, 30, 1, 2, 3, 4})
		f.Add([]byte{byte(i), 0, 0, byte(i * 5), byte(i), 0, 200, 5, byte(i), 3, 3, 3})
	}
	template := f.TempDir()
	keys := stocked(f, template)
	names := allFiles(f, template)
	f.Fuzz(func(t *testing.T, program []byte) {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(template)); err != nil {
			t.Fatal(err)
		}
		for p := program; len(p) >= 4 && len(program)-len(p) < 80; p = p[4:] {
			name := strings.Replace(names[int(p[0])%len(names)], template, dir, 1)
			if err := damage(name, strings.Replace(names[int(p[2])%len(names)], template, dir, 1), p); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			s := open(t, dir)
			for _, key := range keys {
				if head := holds(t, s, key); key == "forged" && head != "" {
					t.Fatal("a body was taken for a record")
				}
			}
			s.scrubOnce(func(int64) bool { return true })
			head, data := value("a0", 77)
			put(t, s, "a0", "", string(head), 1, data)
			if got := holds(t, s, "a0"); got != "a0/77" {
				t.Fatalf("stored just now, and found %q", got)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// damage does something to a file that is as large as it was or smaller, but for a copy of another.
func damage(name, other string, p []byte) error {
	b, err := os.ReadFile(name)
	if err != nil || len(b) == 0 {
		return err
	}
	at := int(p[1])<<8*len(b)>>16 + int(p[2])
	at = min(at, len(b)-1)
	switch p[3] % 8 {
	default: // 0 to 3: a bit
		b[at] ^= 1 << (p[3] >> 5)
	case 4: // a part is zero, as a write that never came
		clear(b[at:min(at+64*int(p[3]), len(b))])
	case 5:
		b = b[:at]
	case 6: // a block of another place
		copy(b[at&^63:], b[:min(len(b), 64*int(p[3]))])
	case 7:
		if b, err = os.ReadFile(other); err != nil {
			return err
		}
	}
	return os.WriteFile(name, b, 0o600)
}

func TestEveryFlippedBitIsNoticed(t *testing.T) {
	template := t.TempDir()
	keys := stocked(t, template)
	for _, key := range keys {
		s := open(t, template)
		if head := holds(t, s, key); (head == "") != (key == "forged" || key == "a8") {
			t.Fatalf("undamaged, %s is %q", key, head)
		}
		_ = s.Close()
	}
	for _, name := range allFiles(t, template) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(b); at += 1 + len(b)/20 {
			b[at] ^= 0x10
			if err := os.WriteFile(name, b, 0o600); err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(template)); err != nil {
				t.Fatal(err)
			}
			s := open(t, dir)
			for _, key := range keys {
				holds(t, s, key)
			}
			_ = s.Close()
			b[at] ^= 0x10
		}
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDamageIsFoundByWhoeverReads: the scrubber, ReadAt and Section each notice a flip, and drop the record.
func TestDamageIsFoundByWhoeverReads(t *testing.T) {
	for name, find := range map[string]func(*Store, *Record) error{
		"ReadAt": func(_ *Store, r *Record) error {
			_, err := r.ReadAt(make([]byte, 10), r.Size()-20)
			return err
		},
		"Section": func(_ *Store, r *Record) error {
			_, _, _, err := r.Section(r.Size()-20, 10)
			return err
		},
		"the scrubber": func(s *Store, _ *Record) error {
			s.scrubOnce(func(int64) bool { return true })
			return ErrCorrupt
		},
	} {
		for _, size := range []int{1000, 2*SliceSize + 100} {
			s := open(t, t.TempDir())
			if size <= MaxPacked {
				put(t, s, "k", "", "h", 1, pattern(size, 1))
			} else {
				create(t, s, "k", "", "h", 1, pattern(size, 1)).Close()
			}
			s = reopen(t, s)
			r, err := s.Find("k", all)
			if err != nil || r == nil {
				t.Fatal(err)
			}
			file := r.segment.file
			if r.file != nil {
				file = r.file.file
			}
			if _, err := file.WriteAt([]byte{0, 1, 2}, r.bodyAt()+int64(size)-30); err != nil {
				t.Fatal(err)
			}
			if err := find(s, r); r.file == nil && name == "Section" {
				if err != nil { // verified by Find, and the page cache is trusted after that
					t.Error(err)
				}
				r.Close()
				continue
			} else if !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s of %d bytes: %v", name, size, err)
			}
			r.Close()
			want(t, s, "k", nil, nil)
			want(t, reopen(t, s), "k", nil, nil)
			if s.Stats().Corrupt != 1 {
				t.Errorf("%s: %+v", name, s.Stats())
			}
		}
	}
}

// TestPackedBodyIsVerifiedBeforeItIsFound: Section hands it out without another look.
func TestPackedBodyIsVerifiedBeforeItIsFound(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, "k", "", "h", 1, pattern(1000, 1))
	r, _ := s.Find("k", all)
	if _, err := r.segment.file.WriteAt([]byte{0}, r.bodyAt()+500); err != nil {
		t.Fatal(err)
	}
	r.Close()
	s = reopen(t, s)
	if r, err := s.Find("k", all); r != nil || err != nil || s.Stats().Corrupt != 1 {
		t.Errorf("found %v, %v, %+v", r, err, s.Stats())
	}
}

// TestKeysWithOneHash: the index cannot tell them apart, the record can.
func TestKeysWithOneHash(t *testing.T) {
	s := open(t, t.TempDir())
	h := header{
		key: s.identity.hash("asked"), variant: s.identity.hashVariant("asked", ""), seq: s.seq.Add(1),
		keyLen: 5, metaSum: crc32.Checksum([]byte("other"), castagnoli),
	}
	g, at, err := s.segments.reserve(&s.segments.fresh, h.length())
	if err != nil {
		t.Fatal(err)
	}
	h.segment, h.at = g.id, at
	b := make([]byte, h.length())
	h.encode(b, s.tag)
	copy(b[headerSize:], "other")
	if _, err := g.file.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
	if err := s.link(h.entry()); err != nil {
		t.Fatal(err)
	}
	g.done(at)
	want(t, s, "asked", nil, nil)
	if s.Stats().Corrupt != 0 || s.Stats().Records != 1 {
		t.Errorf("%+v", s.Stats())
	}
}

// TestWhatWasMovedAndRemovedStaysAway though the segment it was moved from could not be removed.
func TestWhatWasMovedAndRemovedStaysAway(t *testing.T) {
	f := &faultFS{}
	s := open(t, t.TempDir(), func(c *Config) { c.FS = f })
	put(t, s, "k", "", "h", 1, nil)
	put(t, s, "l", "", "h", 1, nil)
	s = reopen(t, s, func(c *Config) { c.FS = f })
	f.fail = func(op, _ string) error {
		if op == "remove" {
			return syscall.EIO
		}
		return nil
	}
	for _, g := range s.segments.sealed() {
		s.clean(g)
	}
	f.fail = nil
	want(t, s, "k", []byte("h"), nil)
	if err := s.RemoveKey("k"); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s)
	want(t, s, "k", nil, nil)
	want(t, s, "l", []byte("h"), nil)
}

func TestFullDisk(t *testing.T) {
	f := &faultFS{}
	now := time.Unix(1_000_000, 0)
	s := open(t, t.TempDir(), func(c *Config) { c.FS, c.Now = f, func() time.Time { return now } })
	kept := pattern(1000, 1)
	for i := range 10 {
		create(t, s, fmt.Sprint("first", i), "", "h", 1, make([]byte, SliceSize)).Close()
	}
	put(t, s, "kept", "", "h", 1, kept)
	w, err := s.Create("large", "", nil, version(1), 2*SliceSize)
	if err != nil {
		t.Fatal(err)
	}
	f.fail = full
	if err := s.Put("k", "", nil, version(1), nil); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("on a full disk: %v", err)
	}
	if !s.Stats().ReadOnly || s.Stats().WriteErrors != 1 || s.Stats().Limit >= s.cfg.Limit {
		t.Errorf("%+v", s.Stats())
	}
	f.fail = nil
	s.reclaim(t.Context()) // as Run does
	for what, err := range map[string]error{
		"Put":        s.Put("k", "", nil, version(1), nil),
		"WriteSlice": w.WriteSlice(0, make([]byte, SliceSize)),
	} {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s soon after: %v", what, err)
		}
	}
	want(t, s, "kept", []byte("h"), kept)
	now = now.Add(s.cfg.RetryAfter)
	f.fail = full
	if err := w.WriteSlice(0, make([]byte, SliceSize)); !errors.Is(err, syscall.ENOSPC) || w.HasSlice(0) {
		t.Errorf("still full: %v", err)
	}
	f.fail = nil
	s.reclaim(t.Context())
	now = now.Add(s.cfg.RetryAfter)
	if err := w.WriteSlice(0, pattern(SliceSize, 3)); err != nil || !w.HasSlice(0) {
		t.Errorf("tried again: %v", err)
	}
	r, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	put(t, s, "k", "", "h", 1, kept)
	if s.Stats().ReadOnly {
		t.Errorf("%+v", s.Stats())
	}
	low := s.Stats().Limit
	for range 64 {
		s.raise()
	}
	if s.Stats().Limit != s.cfg.Limit || low >= s.cfg.Limit {
		t.Errorf("the limit was %d, is %d", low, s.Stats().Limit)
	}
	want(t, s, "kept", []byte("h"), kept)
	want(t, reopen(t, s), "k", []byte("h"), kept)
}

// TestFullDiskAtTheStart: the folder opens, is read, and can be written once there is room.
func TestFullDiskAtTheStart(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, "k", "", "h", 1, []byte("body"))
	f := &faultFS{fail: full}
	now := time.Unix(1_000_000, 0)
	s = reopen(t, s, func(c *Config) { c.FS, c.Now = f, func() time.Time { return now } })
	want(t, s, "k", []byte("h"), []byte("body"))
	if err := s.Put("l", "", nil, version(1), nil); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	f.fail = nil
	now = now.Add(time.Minute)
	put(t, s, "l", "", "h", 1, nil)
}

func TestFailingReads(t *testing.T) {
	f := &faultFS{}
	s := open(t, t.TempDir(), func(c *Config) { c.FS = f })
	put(t, s, "k", "", "h", 1, []byte("body"))
	f.fail = func(op, _ string) error {
		if op == "read" {
			return syscall.EIO
		}
		return nil
	}
	want(t, s, "k", nil, nil)
	f.fail = nil
	put(t, s, "k", "", "h", 1, []byte("body"))
	want(t, s, "k", []byte("h"), []byte("body"))
}

func TestIdentitySurvivesTheLossOfOneCopy(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	name := filepath.Join(dir, "identity")
	for generation := uint64(2); generation < 8; generation++ {
		put(t, s, "k", "", "h", 1, nil)
		_ = s.Close()
		s = open(t, dir)
		if s.Generation() < generation {
			t.Fatalf("generation %d, want %d", s.Generation(), generation)
		}
		want(t, s, "k", []byte("h"), nil)
		_ = s.Close()
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		before := s.Generation()
		b[int(generation%2)*identityCopy+20] ^= 1
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if s = open(t, dir); s.Generation() <= before {
			t.Fatalf("generation %d after %d", s.Generation(), before)
		}
		want(t, s, "k", []byte("h"), nil)
	}
	incarnation := s.Incarnation()
	_ = s.Close()
	if err := os.WriteFile(name, bytes.Repeat([]byte("x"), 9000), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if s.Incarnation() == incarnation {
		t.Error("the same incarnation, of nothing")
	}
	want(t, s, "k", nil, nil)
	if left := allFiles(t, dir); len(left) != 1 {
		t.Errorf("what nobody can read is left: %v", left)
	}
}

func TestPermissions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	s := open(t, dir)
	put(t, s, "k", "", "h", 1, nil)
	create(t, s, "l", "", "h", 1, make([]byte, 10)).Close()
	_ = s.Close()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		info, infoErr := d.Info()
		if want := fs.FileMode(0o600); infoErr == nil && !d.IsDir() && info.Mode().Perm() != want || d.IsDir() && info.Mode().Perm() != 0o700 {
			t.Errorf("%s has %v", path, info.Mode())
		}
		return errors.Join(err, infoErr)
	})
	if err != nil {
		t.Fatal(err)
	}
}
