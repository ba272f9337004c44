package eviction

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unsafe"
)

// play runs a script and returns who was evicted, in order. Its steps:
//
//	+a40    add a of 40 bytes       a      use a
//	a=50    a is now of 50 bytes    a>b60  b of 60 bytes replaces a
//	-a      remove a                |90    the capacity is 90 bytes
func play(t *testing.T, p Policy[string], script string) string {
	t.Helper()
	entries := map[string]*Entry[string]{}
	entry := func(name string) *Entry[string] {
		if entries[name] == nil {
			entries[name] = &Entry[string]{Value: name}
		}
		return entries[name]
	}
	var gone []string
	for step := range strings.FieldsSeq(script) {
		number := func(s string) int64 {
			n, err := strconv.ParseInt(s, 10, 64)
			if err != nil {
				t.Fatalf("step %q: %v", step, err)
			}
			return n
		}
		switch {
		case step[0] == '+':
			p.Add(entry(step[1:2]), uint64(step[1]), number(step[2:]))
		case step[0] == '-':
			p.Remove(entry(step[1:]))
		case step[0] == '|':
			p.SetCapacity(number(step[1:]))
		case len(step) == 1:
			p.Use(entry(step))
		case step[1] == '=':
			p.Resize(entry(step[:1]), number(step[2:]))
		case step[1] == '>':
			p.Replace(entry(step[:1]), entry(step[2:3]), number(step[3:]))
		default:
			t.Fatalf("no step is written %q", step)
		}
		for e := p.Evict(); e != nil; e = p.Evict() {
			gone = append(gone, e.Value)
		}
	}
	return strings.Join(gone, " ")
}

func TestSequences(t *testing.T) {
	for _, c := range []struct{ policy, what, script, gone string }{
		{"lru", "the least recently used goes", "+a40 +b40 a +c40", "b"},
		{"lru", "several make room for one", "+a30 +b30 +c30 +d70", "a b"},
		{"lru", "what grows pushes out the others, then itself", "+a40 +b40 b=70 b=110", "a b"},
		{"lru", "what is removed makes room", "+a40 +b40 -a +c40 +d40", "b"},
		{"lru", "a newer response stays where the older was", "+a40 +b40 a>c40 +d40 +e40", "c b"},
		{"lru", "a smaller capacity", "+a40 +b40 +c20 |50", "a b"},
		{"lru", "what was out comes in as new", "+a40 +b40 +c40 +a40 +d20 +e20", "a b c"},

		{"sieve", "first in, first out without a use", "+a40 +b40 +c40 +d40", "a b"},
		{"sieve", "who was used is spared once", "+a40 +b40 a +c40 c +d40 +e40", "b d a"},
		{"sieve", "the hand goes on from where it was, newcomers after it", "+a30 +b30 +c30 a b +d30 +e30 +f30", "c d e"},
		{"sieve", "the hand leaves whom it is on", "+a30 +b30 +c30 a +d30 -c +e30 +f30", "b d"},
		{"sieve", "the newer response has the use and the hand", "+a30 +b30 +c30 a +d30 c>x30 +e30", "b x"},

		// The ranks of the original: clock + uses/(size+1).
		{"gdsf-classic", "the largest goes", "+a49 +b9 +c29 +d29", "a"},
		{"gdsf-classic", "a newcomer not worth the room goes itself", "+a29 +b29 +c29 +d89", "d"},
		// a 5/50 = 0.1 and b 1/10 = 0.1: one more use decides.
		{"gdsf-classic", "use makes up for size", "+a49 a a a a a +b9 +c9 +d9 b c +e39", "e"},
		{"gdsf-classic", "and less of it does not", "+a49 +b9 +c9 +d9 b c +e39", "a"},
		// b (1/20) goes first; what comes after it starts from there: c 0.05+1/50,
		// a 3/50 = 0.06 has been overtaken.
		{"gdsf-classic", "who is used no more is overtaken", "+a49 a a +b19 +c49 ", "c"},
		{"gdsf-classic", "after enough victims", "+a49 a a +b29 +c29 +d29 +e29 +f29", "b c a"},
		{"gdsf-classic", "who grows loses rank", "+a9 +b19 +c19 a=69", "a"},
		{"gdsf-classic", "the newer response is as popular", "+a49 a a a +b49 a>x49 +c49", "b"},

		{"gdsf", "the largest goes", "+a49 +b9 +c29 +d29", "a"},
		// c comes back with two uses: it outranks b, which is as large.
		{"gdsf", "who comes back outranks who comes the first time", "+c50 +a40 +b50 +c50", "c b"},

		// The small queue has 10 bytes of 100.
		{"s3-fifo", "first in, first out of the small queue", "+a40 +b40 +c40 +d40", "a b"},
		{"s3-fifo", "who was used goes into the main queue", "+a40 +b40 a +c40 +d40 +e40", "b c d"},
		{"s3-fifo", "a ghost comes back into the main queue", "+a40 +b40 +c40 +a40 +d40 +e40", "a b c d"},
		{"s3-fifo", "the main queue has a round for each use", "+a45 +b45 a b +c20 a +c20", "c b"},
		{"s3-fifo", "who was removed is no ghost", "+a40 +b40 -a +c40 +a40 +d40", "b c"},

		// The window has 10 bytes of 100.
		{"w-tinylfu", "a newcomer used no more than the oldest goes", "+a40 +b40 +c40", "c"},
		{"w-tinylfu", "one used more often comes in", "+a40 +b40 +c10 c c +d40", "d"},
		{"w-tinylfu", "one must beat all it displaces together", "+a30 +b30 +c30 +d10 d +e50", "e"},
		{"w-tinylfu", "its uses are remembered while it is out", "+a45 +b45 +c40 +c40", "c b"},
	} {
		t.Run(c.policy+"/"+c.what, func(t *testing.T) {
			p, err := New[string](c.policy, 100)
			if err != nil {
				t.Fatal(err)
			}
			if gone := play(t, p, c.script); gone != c.gone {
				t.Errorf("%s: %q went, want %q", c.script, gone, c.gone)
			}
		})
	}
}

func TestUnknownPolicy(t *testing.T) {
	if _, err := New[int]("fifo", 1); err == nil || !strings.Contains(err.Error(), "lru") {
		t.Errorf("error %v, want one that names the policies there are", err)
	}
}

// each runs a test for every policy, made for capacity bytes.
func each(t *testing.T, capacity int64, test func(t *testing.T, p Policy[int])) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			p, err := New[int](name, capacity)
			if err != nil {
				t.Fatal(err)
			}
			test(t, p)
		})
	}
}

func TestMisuseIsNoticed(t *testing.T) {
	each(t, 100, func(t *testing.T, p Policy[int]) {
		var in, out Entry[int]
		p.Add(&in, 1, 10)
		for what, misuse := range map[string]func(){
			"Add of what is in":           func() { p.Add(&in, 1, 10) },
			"Remove of what is out":       func() { p.Remove(&out) },
			"Resize of what is out":       func() { p.Resize(&out, 1) },
			"Replace of what is out":      func() { p.Replace(&out, new(Entry[int]), 1) },
			"Replace of what is in by it": func() { p.Replace(&in, &in, 1) },
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s passed", what)
					}
				}()
				misuse()
			}()
		}
	})
}

// TestMetadata holds an entry to what the index of a disk can afford.
func TestMetadata(t *testing.T) {
	if size := unsafe.Sizeof(Entry[*int]{}); size > 64 {
		t.Errorf("an entry takes %d bytes, want at most 64", size)
	}
}

// churn adds n entries of random sizes, of few keys, and evicts.
func churn(p Policy[int], entries []Entry[int], r *rand.Rand, n int) {
	for range n {
		i := int(float64(len(entries)) * r.Float64() * r.Float64())
		e := &entries[i]
		if e.In() {
			p.Use(e)
			continue
		}
		p.Add(e, uint64(i), 1+r.Int64N(100))
		for p.Evict() != nil {
		}
	}
}

func TestNoAllocation(t *testing.T) {
	each(t, 10_000, func(t *testing.T, p Policy[int]) {
		entries := make([]Entry[int], 1000)
		r := rand.New(rand.NewPCG(1, 1))
		churn(p, entries, r, 100_000)
		if n := testing.AllocsPerRun(100, func() { churn(p, entries, r, 100) }); n != 0 {
			t.Errorf("%v allocations in 100 requests, want none", n)
		}
	})
}

// TestBoundedMetadata: what is remembered is bounded by what was held at once,
// not by how much passed through.
func TestBoundedMetadata(t *testing.T) {
	s3, gdsf, tiny := NewS3FIFO[int](1000), NewGDSF[int](1000), NewTinyLFU[int](1000)
	for i := range 100_000 {
		for _, p := range []Policy[int]{s3, gdsf, tiny} {
			p.Add(new(Entry[int]), uint64(i), 1)
			for p.Evict() != nil {
			}
		}
	}
	for what, have := range map[string]int{
		"ghosts":     len(s3.ghosts.slots) / 2,
		"GDSF":       len(gdsf.sketch.blocks) * len(block{}),
		"W-TinyLFU":  len(tiny.sketch.blocks) * len(block{}),
		"GDSF, heap": cap(gdsf.heap),
	} {
		if have > 2048 {
			t.Errorf("%s: room for %d, though 1,000 entries at most were in", what, have)
		}
	}
}

func TestDeterministic(t *testing.T) {
	for _, name := range Names() {
		var first []int
		for range 2 {
			p, err := New[int](name, 5000)
			if err != nil {
				t.Fatal(err)
			}
			entries := make([]Entry[int], 500)
			r := rand.New(rand.NewPCG(7, 7))
			var in []int
			churn(p, entries, r, 50_000)
			for i := range entries {
				if entries[i].In() {
					in = append(in, i)
				}
			}
			if first == nil {
				first = in
			} else if !slices.Equal(in, first) {
				t.Errorf("%s: the same requests left other entries in", name)
			}
		}
	}
}

// TestUseTogether has hits come while others add, replace and evict: for the race
// detector, and for the account afterwards.
func TestUseTogether(t *testing.T) {
	each(t, 5000, func(t *testing.T, p Policy[int]) {
		entries := make([]Entry[int], 200)
		var hitters sync.WaitGroup
		done := make(chan struct{})
		for range 2 {
			hitters.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-done:
						return
					default:
						p.Use(&entries[i*i%len(entries)])
					}
				}
			})
		}
		churn(p, entries, rand.New(rand.NewPCG(3, 3)), 20_000)
		close(done)
		hitters.Wait()
		if p.Bytes() > 5000 {
			t.Errorf("%d bytes in, capacity 5000", p.Bytes())
		}
	})
}

func ExamplePolicy() {
	type object struct {
		name  string
		entry Entry[*object]
	}
	var cache Policy[*object] = NewGDSF[*object](1 << 20)
	for i, o := range []*object{{name: "film"}, {name: "page"}, {name: "style"}} {
		o.entry.Value = o
		cache.Add(&o.entry, uint64(i), []int64{1 << 20, 5000, 2000}[i])
		for victim := cache.Evict(); victim != nil; victim = cache.Evict() {
			fmt.Println(victim.Value.name, "leaves when", o.name, "comes")
		}
	}
	fmt.Println(cache.Len(), "objects,", cache.Bytes(), "bytes")
	// Output:
	// film leaves when page comes
	// 2 objects, 7000 bytes
}
