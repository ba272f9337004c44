package disk

import (
	"os"
	"path/filepath"
	"testing"
)

// copyOf returns a copy of what is in a folder.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// putBack puts a copy in the place of a folder.
func putBack(t *testing.T, from, dir string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// recalled reports whether a record is to be confirmed; there is to be one.
func recalled(t *testing.T, s *Store, key string) bool {
	t.Helper()
	r, err := s.Find(key, all)
	if err != nil || r == nil {
		t.Fatalf("%s: %v", key, err)
	}
	defer r.Close()
	return r.Number() <= s.Recalled()
}

func joined(t *testing.T, s *Store, known uint64, older bool) {
	t.Helper()
	if err := s.Joined("J", known, older); err != nil {
		t.Fatal(err)
	}
}

// TestTheMarkTellsAnOlderCopy: whatever a folder went through since the copy was
// made, but for a crash soon after.
func TestTheMarkTellsAnOlderCopy(t *testing.T) {
	for name, since := range map[string]func(*Store){
		"closing": func(s *Store) { _ = s.Close() },
		"joining": func(s *Store) { joined(t, s, 0, false) },
		"a while": func(s *Store) {
			for range raiseEvery {
				put(t, s, "k", "", "h", 1, nil)
				if err := s.checkpoint(); err != nil {
					t.Fatal(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			joined(t, s, 0, false)
			told := s.Mark()
			if again := reopen(t, s); again.Mark() != told {
				t.Fatalf("a crash alone: %d is told, and there is %d", told, again.Mark())
			} else {
				s = again
			}
			copied := copyOf(t, s.cfg.Dir)
			since(s)
			told = s.Mark()
			putBack(t, copied, s.cfg.Dir)
			if s = reopen(t, s); s.Mark() >= told {
				t.Errorf("the copy has mark %d, and %d was told", s.Mark(), told)
			}
			joined(t, s, told, true)
			if s.Mark() <= told {
				t.Errorf("after it has joined: %d", s.Mark())
			}
		})
	}
}

// TestWhatWasRecalledIsUntilItIsConfirmed or replaced; also after a restart, and
// when it was moved.
func TestWhatWasRecalledIsUntilItIsConfirmed(t *testing.T) {
	s := open(t, t.TempDir())
	for _, key := range []string{"kept", "confirmed", "replaced"} {
		put(t, s, key, "", "h", 1, []byte(key))
	}
	create(t, s, "large", "", "h", 1, pattern(large, 1)).Close()
	s = reopen(t, s)
	put(t, s, "new", "", "h", 1, nil)
	joined(t, s, 9, true)

	put(t, s, "replaced", "", "h", 2, nil)
	put(t, s, "newer", "", "h", 2, nil)
	for _, key := range []string{"confirmed", "large"} {
		r, _ := s.Find(key, all)
		if !recalled(t, s, key) {
			t.Errorf("%s is not recalled", key)
		}
		if err := s.SetHead(r, []byte("h2"), version(2)); err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
	check := func(when string) {
		t.Helper()
		for key, want := range map[string]bool{"kept": true, "confirmed": false, "large": false, "replaced": false, "new": false, "newer": false} {
			if recalled(t, s, key) != want {
				t.Errorf("%s: %s recalled: %v", when, key, !want)
			}
		}
	}
	check("at once")
	for _, g := range s.segments.sealed() {
		s.clean(g)
	}
	check("moved")
	s = reopen(t, s)
	joined(t, s, s.Mark(), false)
	check("after a crash")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s)
	check("after a stop")
	// New records have numbers beyond, whatever is left of the old ones.
	for _, key := range []string{"kept", "confirmed", "large", "replaced", "new", "newer"} {
		if err := s.Remove(key, ""); err != nil {
			t.Fatal(err)
		}
	}
	s = reopen(t, s)
	put(t, s, "kept", "", "h", 3, nil)
	if recalled(t, s, "kept") {
		t.Error("what is stored now is recalled")
	}
}

// TestWhatCannotBeWrittenDownIsRecalledAllTheSame, and by the next process again.
func TestWhatCannotBeWrittenDownIsRecalledAllTheSame(t *testing.T) {
	f := &faultFS{}
	s := open(t, t.TempDir(), func(c *Config) { c.FS = f })
	put(t, s, "k", "", "h", 1, nil)
	s = reopen(t, s, func(c *Config) { c.FS = f })
	f.fail = func(op, name string) error {
		if op == "write" && filepath.Base(name) == "identity" {
			return errCut
		}
		return nil
	}
	if err := s.Joined("J", 9, true); err == nil || s.Mark() >= 9 {
		t.Errorf("%v, mark %d", err, s.Mark())
	}
	if !recalled(t, s, "k") {
		t.Error("it is not recalled")
	}
	f.fail = nil
	if s = reopen(t, s); s.Mark() >= 9 {
		t.Errorf("the next process finds mark %d", s.Mark())
	}
}

// TestAFolderIsOfOneJournal: what is of another is gone, whether that is known before
// the folder is opened or only then.
func TestAFolderIsOfOneJournal(t *testing.T) {
	named := func(j string) func(*Config) { return func(c *Config) { c.Journal = j } }
	for _, c := range []struct {
		name, opened, joined string
		kept                 bool
	}{
		{"the same", "J", "J", true},
		{"the same, found out later", "", "J", true},
		{"another", "other", "other", false},
		{"another, found out later", "", "other", false},
		{"another, although it was the same before", "J", "other", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, named("J"))
			put(t, s, "k", "", "h", 1, []byte("k"))
			create(t, s, "large", "", "h", 1, pattern(large, 1)).Close()
			_ = s.Close()
			s = open(t, dir, named(c.opened))
			if err := s.Joined(c.joined, 0, false); err != nil {
				t.Fatal(err)
			}
			put(t, s, "new", "", "h", 1, nil)
			for range 2 {
				for _, key := range []string{"k", "large"} {
					r, err := s.Find(key, all)
					if err != nil || (r != nil) != c.kept {
						t.Errorf("%s is there: %v, %v", key, r != nil, err)
					}
					s.put(r)
				}
				if recalled(t, s, "new") {
					t.Error("what is stored now is recalled")
				}
				s = reopen(t, s)
			}
		})
	}
}
