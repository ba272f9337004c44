package lab

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCutRules(t *testing.T) {
	other := netip.MustParseAddr("10.0.0.2")
	for d, want := range map[Direction]string{
		In:   "[[INPUT -i eth0 -s 10.0.0.2]]",
		Out:  "[[OUTPUT -o eth0 -d 10.0.0.2]]",
		Both: "[[INPUT -i eth0 -s 10.0.0.2] [OUTPUT -o eth0 -d 10.0.0.2]]",
	} {
		if got := fmt.Sprint(cutRules(other, d)); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
}

// The Go that builds this has the clock where withClock looks for it.
func TestWithClock(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Skip("no go command: ", err)
	}
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go"))
	if err != nil {
		t.Skip(err)
	}
	patched, err := withClock(string(source))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(patched, "runtimeNow()\n\tsec += wallShift\n") {
		t.Error("the clock is not shifted")
	}
	if _, err := withClock(patched); err == nil {
		t.Error("a source that has been changed is changed again")
	}
}

func TestSeconds(t *testing.T) {
	if got := seconds(-time.Second); string(got) != strings.Repeat("\xff", 8) {
		t.Errorf("%x", got)
	}
}

func TestPutBack(t *testing.T) {
	dir, copied := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a", "old")
	if err := Copy(dir, copied); err != nil {
		t.Fatal(err)
	}
	write("a", "new")
	write("b", "new")
	if err := PutBack(copied, dir); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "a")); err != nil || string(b) != "old" {
		t.Errorf("a is %q, %v", b, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "b")); err == nil {
		t.Error("b, which the copy lacks, is still there")
	}
}
