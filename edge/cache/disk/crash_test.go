package disk

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// value is what a test keeps under a key: its head says its number, and its body follows from that.
func value(key string, n int) (head, data []byte) {
	size := []int{0, 10, 5000, blockSize + 3, 2 * blockSize}[n%5]
	return fmt.Appendf(nil, "%s/%d", key, n), pattern(size, byte(n))
}

const large = SliceSize + 100

func largeValue(key string, n int) (head, data []byte) {
	return fmt.Appendf(nil, "%s/%d", key, n), pattern(large, byte(n))
}

// script is a workload: what it does to the store, and to what the store is to hold.
type script struct {
	s     *Store
	model map[string]string // key -> head
	step  [2]string         // that was begun last
	// failed is set once a step has; none is begun then.
	failed bool
}

// run does everything that writes.
func (c *script) run() {
	s := c.s
	do := func(key, head string, what func() error) {
		if c.failed {
			return
		}
		c.step = [2]string{key, head}
		if err := what(); err != nil {
			c.failed = true
			return
		}
		if head == "" {
			delete(c.model, key)
		} else {
			c.model[key] = head
		}
	}
	put := func(key string, n int) {
		head, data := value(key, n)
		do(key, string(head), func() error { return s.Put(key, "", head, version(uint64(n)), data) })
	}
	big := func(key string, n int) {
		head, data := largeValue(key, n)
		do(key, string(head), func() error {
			w, err := s.Create(key, "", head, version(uint64(n)), large)
			if err != nil {
				return err
			}
			if err := errors.Join(w.WriteSlice(1, slice(data, 1)), w.WriteSlice(0, slice(data, 0))); err != nil {
				w.Abort()
				return err
			}
			r, err := w.Commit()
			if err == nil {
				r.Close()
			}
			return err
		})
	}
	same := func(what func() error) { do("", "", what) }
	for round := range 2 {
		n := 10 * round
		for i := range 5 {
			put(fmt.Sprint("a", i), n+i)
		}
		big("b0", n)
		same(s.checkpoint)
		put("a1", n+6)
		big("b1", n+1)
		big("b0", n+2)
		do("a0", "", func() error { return s.RemoveKey("a0") })
		do("b1", "", func() error { return s.Remove("b1", "") })
		for _, key := range []string{"a2", "b0"} {
			if r, _ := s.Find(key, all); r != nil {
				head := string(r.Head()) + "+"
				do(key, head, func() error { return s.SetHead(r, []byte(head), version(1)) })
				r.Close()
			}
		}
		same(func() error {
			if sealed := s.segments.sealed(); len(sealed) > 0 {
				least, _ := emptiest(sealed)
				s.clean(least)
			}
			return nil
		})
		put("a3", n+8)
	}
	same(s.checkpoint)
}

// holds checks that what is found under a key is whole, and returns its head.
func holds(t *testing.T, s *Store, key string) string {
	t.Helper()
	r, err := s.Find(key, all)
	if err != nil {
		t.Fatal(err)
	}
	if r == nil {
		return ""
	}
	defer r.Close()
	name, number, _ := strings.Cut(strings.TrimRight(string(r.Head()), "+"), "/")
	n, err := strconv.Atoi(number)
	if name != key || err != nil {
		t.Fatalf("under %s is %q", key, r.Head())
	}
	_, data := value(key, n)
	if r.Sliced() {
		_, data = largeValue(key, n)
	}
	got := make([]byte, r.Size())
	if _, err := r.ReadAt(got, 0); err != nil {
		if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrAbsent) {
			return ""
		}
		t.Fatal(err)
	}
	if !bytes.Equal(got, data) {
		t.Fatalf("under %s are wrong bytes", key)
	}
	return string(r.Head())
}

// cutShort runs the script on a file system that is cut at an operation, 0: not at all. It returns what was done before,
// and the step that was cut.
func cutShort(t *testing.T, f *faultFS, cut int, change ...func(*Config)) (s *Store, model map[string]string, step [2]string) {
	t.Helper()
	s = open(t, t.TempDir(), append(change, func(c *Config) { c.FS = f })...)
	s.segments.full = 32 << 10
	f.changes, f.cut = 0, cut
	c := &script{s: s, model: map[string]string{}}
	c.run()
	return s, c.model, c.step
}

// holdsModel reopens the store and checks that each key has what the model says, or that of the step that was cut.
func holdsModel(t *testing.T, s *Store, model map[string]string, step [2]string) {
	t.Helper()
	s = reopen(t, s, func(c *Config) { c.FS = nil })
	for _, key := range []string{"a0", "a1", "a2", "a3", "a4", "b0", "b1"} {
		if got := holds(t, s, key); got != model[key] && (key != step[0] || got != step[1]) {
			t.Fatalf("cut in %v: %s is %q, want %q", step, key, got, model[key])
		}
	}
	_ = s.Close()
}

// TestCutAtEveryWrite ends the process, as far as the disk can tell, in the middle of every operation that changes
// something. What was done before is all there, and nothing else; of the step that was cut either.
func TestCutAtEveryWrite(t *testing.T) {
	whole := &faultFS{}
	s, model, step := cutShort(t, whole, 0)
	holdsModel(t, s, model, step)
	steps, stride := whole.changes, 1
	if steps < 80 || len(model) != 5 {
		t.Fatalf("only %d operations, %v", steps, model)
	}
	if testing.Short() {
		stride = 7
	}
	for cut := 1; cut <= steps; cut += stride {
		s, model, step := cutShort(t, &faultFS{part: []float64{0, 0.5, 0.999}[cut%3]}, cut)
		holdsModel(t, s, model, step)
	}
}

// TestPowerLoss lets any part of what was not synced be lost. What is found is whole, and was stored under its key; a
// store that syncs everything loses nothing.
func TestPowerLoss(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	rounds := 60
	if testing.Short() {
		rounds = 20
	}
	found := 0
	for range rounds {
		f, sync := &faultFS{part: r.Float64(), record: true}, r.IntN(2) == 0
		s, model, step := cutShort(t, f, 1+r.IntN(150), func(c *Config) { c.Sync = sync })
		if err := f.lose(r); err != nil {
			t.Fatal(err)
		}
		if sync {
			holdsModel(t, s, model, step)
			continue
		}
		s = reopen(t, s, func(c *Config) { c.FS = nil })
		for key := range model {
			if holds(t, s, key) != "" {
				found++
			}
		}
		_ = s.Close()
	}
	if found < rounds/2 {
		t.Errorf("only %d records were found", found)
	}
}

// TestKill ends a process that stores, and reports what it has stored, at any moment.
func TestKill(t *testing.T) {
	if dir := os.Getenv("WARMFRONT_DISK_CRASH_DIR"); dir != "" {
		crashing(t, dir)
		return
	}
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	dir := t.TempDir()
	stored := map[string]int{} // the last number reported of each key
	for round := range rounds {
		child := exec.Command(os.Args[0], "-test.run=^TestKill$")
		child.Env = append(os.Environ(), "WARMFRONT_DISK_CRASH_DIR="+dir, fmt.Sprint("WARMFRONT_DISK_CRASH_FROM=", round*1_000_000))
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		// Counted from the first report: a busy machine takes its time to start a process.
		kill := sync.OnceFunc(func() {
			time.AfterFunc(50*time.Millisecond+rand.N(400*time.Millisecond), func() { _ = child.Process.Kill() })
		})
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			kill()
			var key string
			var n int
			if got, _ := fmt.Sscanf(lines.Text(), "stored %s %d", &key, &n); got == 2 {
				stored[key] = n
			}
		}
		_ = child.Wait() // killed
		s := open(t, dir, func(c *Config) { c.Limit = 1 << 30 })
		for key, n := range stored {
			head := holds(t, s, key)
			_, number, _ := strings.Cut(head, "/")
			if got, err := strconv.Atoi(number); err != nil || got < n {
				t.Fatalf("round %d: %s is %q, %d was stored", round, key, head, n)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(stored) < 10 {
		t.Errorf("only %d keys were stored", len(stored))
	}
}

// crashing stores until it is killed.
func crashing(t *testing.T, dir string) {
	s := open(t, dir, func(c *Config) { c.Limit = 1 << 30; c.CheckpointEvery = 20 * time.Millisecond })
	s.segments.full = 1 << 20
	go func() { _ = s.Run(t.Context()) }()
	from, _ := strconv.Atoi(os.Getenv("WARMFRONT_DISK_CRASH_FROM"))
	for n := from; ; n++ {
		key := fmt.Sprint("k", rand.IntN(300))
		head, data := value(key, n)
		if err := s.Put(key, "", head, version(1), data); err != nil {
			t.Fatal(err)
		}
		if n%10 == 0 {
			key = fmt.Sprint("l", rand.IntN(20))
			head, data = largeValue(key, n)
			create(t, s, key, "", string(head), 1, data).Close()
		}
		fmt.Println("stored", key, n)
	}
}
