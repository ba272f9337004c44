package memdisk

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/warmfront/warmfront/edge/cache/disk/filesystem"
)

func open(t *testing.T, d *Disk, name string, flag int) filesystem.File {
	t.Helper()
	f, err := d.OpenFile(name, flag, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func write1(t *testing.T, f filesystem.File, at int64, text string) {
	t.Helper()
	if _, err := f.WriteAt([]byte(text), at); err != nil {
		t.Fatal(err)
	}
}

// content is what a disk has by a name, "-" for no such file.
func content(t *testing.T, d *Disk, name string) string {
	t.Helper()
	f, err := d.OpenFile(name, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return "-"
	}
	if err != nil {
		t.Fatal(err)
	}
	n, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(io.NewSectionReader(f, 0, n))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestFiles(t *testing.T) {
	d := New()
	if _, err := d.OpenFile("/a/x", os.O_CREATE|os.O_RDWR, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a folder that there is not: %v", err)
	}
	must(t, d.MkdirAll("/a/b", 0o700))
	f := open(t, d, "/a/x", os.O_CREATE|os.O_RDWR)
	write1(t, f, 2, "cd")
	write1(t, f, 0, "ab")
	if got := content(t, d, "/a/x"); got != "abcd" {
		t.Errorf("read %q", got)
	}
	if n, err := f.ReadAt(make([]byte, 3), 2); n != 2 || err != io.EOF {
		t.Errorf("over the end: %d, %v", n, err)
	}
	if _, err := d.OpenFile("/a/x", os.O_CREATE|os.O_EXCL, 0); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made twice: %v", err)
	}
	must(t, d.Rename("/a/x", "/a/y"))
	names, err := d.ReadDir("/a")
	if err != nil || strings.Join(names, " ") != "b y" {
		t.Errorf("in the folder: %v, %v", names, err)
	}
	must(t, d.Remove("/a/y"))
	write1(t, f, 0, "A") // who has it open goes on
	if err := d.Remove("/a/y"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed twice: %v", err)
	}
	open(t, d, "/a/z", os.O_CREATE|os.O_RDWR)
	if d.Bytes("/a") != 0 {
		t.Errorf("%d bytes", d.Bytes("/a"))
	}
}

func TestACopyIsTheDiskAsItIs(t *testing.T) {
	d := New()
	must(t, d.MkdirAll("/a", 0o700))
	f := open(t, d, "/a/x", os.O_CREATE|os.O_RDWR)
	write1(t, f, 0, "before")
	c := d.Copy()
	write1(t, f, 0, "BEYOND")
	if got := content(t, c, "/a/x"); got != "before" {
		t.Errorf("in the copy: %q", got)
	}
}

// What was synced lasts; of what was not, anything may be left, and over many losses of power each is seen.
func TestALossOfPower(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(400) {
		d := New()
		must(t, d.MkdirAll("/a", 0o700))
		f := open(t, d, "/a/kept", os.O_CREATE|os.O_RDWR)
		write1(t, f, 0, "1111")
		must(t, f.Sync())
		must(t, d.SyncDir("/a"))
		write1(t, f, 0, "2")
		write1(t, f, 3, "33")
		g := open(t, d, "/a/new", os.O_CREATE|os.O_RDWR)
		write1(t, g, 0, "x")
		must(t, g.Sync())
		c := d.Lose(rand.New(rand.NewPCG(seed, 0)))
		seen["kept: "+content(t, c, "/a/kept")]++
		seen["new: "+content(t, c, "/a/new")]++
		if content(t, d, "/a/kept") != "21133" {
			t.Fatal("the disk that is running has lost something")
		}
		// What is left lasts.
		if again := c.Lose(rand.New(rand.NewPCG(seed+1, 0))); content(t, again, "/a/kept") != content(t, c, "/a/kept") || content(t, again, "/a/new") != content(t, c, "/a/new") {
			t.Error("a second loss took more")
		}
	}
	for _, want := range []string{"kept: 1111", "kept: 2111", "kept: 11133", "kept: 21133", "kept: 2113", "new: x", "new: -"} {
		if seen[want] == 0 {
			t.Errorf("%s: never, of %v", want, seen)
		}
		delete(seen, want)
	}
	delete(seen, "kept: 1113") // torn, and the other lost
	if len(seen) != 0 {
		t.Errorf("what must not be: %v", seen)
	}
}
