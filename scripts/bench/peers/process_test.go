package peers

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The time of a child counts, and stopping leaves nothing of the group behind.
func TestProcess(t *testing.T) {
	dir := t.TempDir()
	p, err := start(dir, -1, "sh", "-c", "(while :; do :; done) & echo $! >pid; wait")
	if err != nil {
		t.Fatal(err)
	}
	err = p.until(t.Context(), func() error {
		used, err := CPUTime(p.cmd.Process.Pid)
		if err == nil && used < 5*tick {
			return errors.New("the child's time is not counted")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	p.stop()
	if _, err := CPUTime(p.cmd.Process.Pid); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after stop: %v, want no such process", err)
	}
	for deadline := time.Now().Add(5 * time.Second); ; {
		err := syscall.Kill(-p.cmd.Process.Pid, 0)
		if errors.Is(err, syscall.ESRCH) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the child still runs: %v", err)
		}
	}
}

func TestProcessThatEnds(t *testing.T) {
	p, err := start(t.TempDir(), -1, "sh", "-c", "echo no licence >&2; exit 1")
	if err != nil {
		t.Fatal(err)
	}
	err = p.until(t.Context(), func() error { return errors.New("not yet") })
	if err == nil || !strings.Contains(err.Error(), "no licence") {
		t.Errorf("got %v, want what it said", err)
	}
}

func TestTable(t *testing.T) {
	rows := [][]string{{"server", "ratio"}, {"a–b", "1"}, {"longer one", ""}}
	for _, test := range []struct {
		markdown bool
		want     string
	}{
		{true, "| server | ratio |\n| --- | --- |\n| a–b | 1 |\n| longer one |  |\n"},
		{false, "server      ratio\na–b         1\nlonger one\n"},
	} {
		if got := Table(rows, test.markdown); got != test.want {
			t.Errorf("got\n%s\nwant\n%s", got, test.want)
		}
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	if err := write(dir, map[string]string{"a/b": "c"}); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "a", "b")); err != nil || string(b) != "c" {
		t.Errorf("got %q, %v", b, err)
	}
}
