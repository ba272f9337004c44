package store_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/store"
)

// The child of TestAKilledProcessLosesNothingItReported appends to this file.
const childEnv = "WARMFRONT_TEST_JOURNAL"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		fmt.Println("child:", appendForEver(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// appendForEver reports each change once Append has returned.
func appendForEver(path string) error {
	s, err := store.OpenBolt(path)
	if err != nil {
		return err
	}
	snap, tail, err := s.Load()
	if err != nil {
		return err
	}
	if snap.Version.IsZero() {
		if err := s.Compact(cdn.Snapshot{Version: ver(1, 0)}); err != nil {
			return err
		}
	}
	for n := snap.Version.Number + uint64(len(tail)) + 1; ; n++ {
		if err := s.Append(changes(1, n, n)); err != nil {
			return err
		}
		fmt.Println(n)
		if n%7 == 0 {
			if err := s.Compact(cdn.Snapshot{Version: ver(1, n-2)}); err != nil {
				return err
			}
		}
	}
}

func TestAKilledProcessLosesNothingItReported(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	var reported uint64
	for round := range 5 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+path)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for range 10 + round {
			if !lines.Scan() {
				t.Fatal("the child ended by itself")
			}
			n, err := strconv.ParseUint(lines.Text(), 10, 64)
			if err != nil {
				t.Fatalf("the child says %q", lines.Text())
			}
			reported = n
		}
		must(t, cmd.Process.Kill())
		for lines.Scan() {
			if n, err := strconv.ParseUint(lines.Text(), 10, 64); err == nil {
				reported = n
			}
		}
		_ = cmd.Wait() // killed

		s, err := store.OpenBolt(path)
		must(t, err)
		snap, tail, err := s.Load()
		must(t, err)
		head := snap.Version.Number + uint64(len(tail))
		if head < reported {
			t.Errorf("round %d: %d was reported as durable, the journal ends at %d", round, reported, head)
		}
		for i, c := range tail {
			if c.Version != ver(1, snap.Version.Number+uint64(i)+1) {
				t.Fatalf("round %d: change %d is %v", round, i, c.Version)
			}
		}
		must(t, s.Close())
	}
}

func TestTheFileIsItsOwnersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	s, err := store.OpenBolt(path)
	must(t, err)
	defer s.Close()
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if _, err := store.OpenBolt(path); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("opened twice: %v", err)
	}
}
