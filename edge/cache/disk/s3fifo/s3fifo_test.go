package s3fifo

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

// play runs a sequence of words: "a" adds a record of that name and of 128 bytes (a5: five times that), "a!" uses it,
// "-a" removes it, "a=3" resizes it to three times that, "?" takes a victim. It returns the victims.
func play(p *Policy, script string) string {
	ids, names, free := map[string]uint32{}, map[uint32]string{}, uint32(0)
	var out []string
	for _, word := range strings.Fields(script) {
		name := word[:1]
		if word[0] == '-' {
			name = word[1:]
		}
		id, known := ids[name]
		switch {
		case word == "?":
			id, ok := p.Victim()
			if !ok {
				out = append(out, "none")
				continue
			}
			out = append(out, names[id])
			delete(ids, names[id])
		case strings.HasSuffix(word, "!"):
			p.Use(id)
		case word[0] == '-':
			p.Remove(id)
			delete(ids, name)
		case strings.Contains(word, "="):
			p.Resize(id, int64(word[2]-'0')*128)
		default:
			if !known {
				id, free = free, free+1
			}
			size := int64(1)
			if len(word) > 1 {
				size = int64(word[1] - '0')
			}
			ids[name], names[id] = id, name
			p.Add(id, uint64(word[0])<<32, size*128, 0)
		}
	}
	return strings.Join(out, " ")
}

// Each record is of 128 bytes, and the capacity of 2,560, so that two fill the small queue.
func TestSequences(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"first in, first out":                {"a b c ? ? ? ?", "a b c none"},
		"one use does not save":              {"a b c a! ? ? ?", "a b c"},
		"two uses move on to main":           {"a b c a! a! ? ? ?", "b a c"},
		"uses do not move along":             {"a b c a! a! a! ? ? ? ?", "b a c none"},
		"below a tenth main is asked first":  {"a b a! a! ? c ?", "a b"},
		"main goes round once for each use":  {"a a! a! b b! b! c d ? a! ? ? ?", "c b a d"},
		"uses beyond three do not count":     {"a a! a! b b! b! c d ? a! a! a! a! a! a! b! b! b! ? ? ?", "c a b d"},
		"a ghost comes back into main":       {"a b c d ? ? a e f ? ? ? ? ?", "a b c d e a f"},
		"a ghost is remembered for a while":  {"a b c ? ? ? d e f ? ? ? a g h ? ? ?", "a b c d e f a g h"},
		"what is removed is no victim":       {"a b c -b -a ? ?", "c none"},
		"a resized record counts as it is":   {"a a! a! b b! b! c d ? d=9 ? ?", "c d a"},
		"small full by one large record":     {"a a! a! b b! b! c d ? x9 ? ? ? ?", "c d x a b"},
		"a record added twice is there once": {"a a b ? ? ?", "a b none"},
	} {
		if got := play(New(2560), c.script); got != c.want {
			t.Errorf("%s: %s gives %q, want %q", name, c.script, got, c.want)
		}
	}
}

func TestMarksRestoreQueuesAndUses(t *testing.T) {
	p, q := New(2560), New(2560)
	play(p, "a a! a! b b! b! c d ? a! e")
	var want, got []uint32
	for id := range uint32(5) {
		if mark := p.Mark(id); mark != 0 {
			q.Add(id, uint64(id), 128, mark)
		}
	}
	for id, ok := p.Victim(); ok; id, ok = p.Victim() {
		want = append(want, id)
	}
	for id, ok := q.Victim(); ok; id, ok = q.Victim() {
		got = append(got, id)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || len(want) != 4 {
		t.Errorf("victims %v, without the stop %v", got, want)
	}
}

func TestCountsHoldUnderRandomUse(t *testing.T) {
	const capacity = 1 << 20
	p := New(capacity)
	in := map[uint32]int64{}
	r := rand.New(rand.NewPCG(1, 2))
	var bytes int64
	for range 200_000 {
		id := uint32(r.IntN(5000))
		switch r.IntN(6) {
		case 0, 1:
			bytes -= in[id]
			in[id] = 64 * int64(1+r.IntN(100))
			bytes += in[id]
			p.Add(id, r.Uint64(), in[id], 0)
		case 2:
			p.Use(id)
		case 3:
			bytes -= in[id]
			delete(in, id)
			p.Remove(id)
		case 4:
			if _, ok := in[id]; ok {
				bytes += 640 - in[id]
				in[id] = 640
			}
			p.Resize(id, 640)
		}
		for bytes > capacity {
			id, ok := p.Victim()
			if _, has := in[id]; !ok || !has {
				t.Fatalf("victim %d %v, which is not in", id, ok)
			}
			bytes -= in[id]
			delete(in, id)
		}
	}
	if p.small.count+p.main.count != len(in) || (p.small.units+p.main.units)*sizeUnit != bytes {
		t.Errorf("counts %d records, %d units; there are %d, %d bytes", p.small.count+p.main.count, p.small.units+p.main.units, len(in), bytes)
	}
	if len(p.ghosts.slots) > 4*len(in) {
		t.Errorf("%d places for ghosts of %d records", len(p.ghosts.slots), len(in))
	}
}

func TestUseBesidesEverythingElse(t *testing.T) {
	p := New(1 << 16)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for id := uint32(0); ; id = (id + 1) % 3000 {
				select {
				case <-stop:
					return
				default:
					p.Use(id)
				}
			}
		})
	}
	in := 0
	for i := range 5_000 {
		id := uint32(i % 2500)
		if p.queueOf(id) == nil {
			in++
		}
		p.Add(id, uint64(id)<<32, 100, 0)
		if i%3 == 0 {
			if _, ok := p.Victim(); ok {
				in--
			}
		}
	}
	close(stop)
	wg.Wait()
	if n := p.small.count + p.main.count; n != in {
		t.Errorf("%d records are in, want %d", n, in)
	}
}
