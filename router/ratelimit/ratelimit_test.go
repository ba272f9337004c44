package ratelimit

import (
	"net/netip"
	"sync"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// ten is ten answers of a kind in a second, twenty at once.
func ten() Settings {
	s := Default(10)
	s.Networks = 1 << 10
	return s
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// send charges n answers spread over a time, and counts the verdicts.
func send(l *Limiter, to netip.Addr, kind func(i int) uint64, n int, from time.Time, over time.Duration) (count [3]int) {
	for i := range n {
		count[l.Charge(to, kind(i), from.Add(over*time.Duration(i)/time.Duration(n)))]++
	}
	return count
}

func same(int) uint64        { return 7 }
func different(i int) uint64 { return uint64(i) }

func TestRate(t *testing.T) {
	victim := addr("203.0.113.9")
	for _, c := range []struct {
		name     string
		kind     func(int) uint64
		n        int
		over     time.Duration
		min, max int // sent
	}{
		{"within the rate", same, 100, 10 * time.Second, 100, 100},
		{"a burst", same, 20, time.Millisecond, 20, 20},
		{"more than a burst", same, 1000, time.Millisecond, 20, 20},
		{"ten times the rate", same, 1000, 10 * time.Second, 118, 121},
		{"of every kind: 300 a second, 600 at once", different, 10_000, 10 * time.Second, 3590, 3610},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := send(New(ten()), victim, c.kind, c.n, start, c.over)
			if got[Send] < c.min || got[Send] > c.max {
				t.Errorf("%d of %d are sent, want %d to %d", got[Send], c.n, c.min, c.max)
			}
			// Every other of the rest is truncated.
			if d := got[Truncate] - got[Drop]; d > 1 || d < -c.n/4 {
				t.Errorf("%d are truncated, %d dropped", got[Truncate], got[Drop])
			}
		})
	}
}

func TestSlip(t *testing.T) {
	for slip, want := range map[int][]Verdict{
		0: {Drop, Drop, Drop, Drop, Drop, Drop}, 1: {Truncate, Truncate, Truncate, Truncate, Truncate, Truncate},
		2: {Drop, Truncate, Drop, Truncate, Drop, Truncate}, 3: {Drop, Drop, Truncate, Drop, Drop, Truncate},
	} {
		set := ten()
		set.Slip = slip
		l := New(set)
		send(l, addr("203.0.113.9"), same, set.Burst, start, 0)
		for i, v := range want {
			if got := l.Charge(addr("203.0.113.9"), 7, start); got != v {
				t.Errorf("slip %d, answer %d: %v, want %v", slip, i, got, v)
			}
		}
	}
}

// TestNetworks: neighbours share, others do not; kinds are apart.
func TestNetworks(t *testing.T) {
	l := New(ten())
	for _, victim := range []string{"203.0.113.9", "2001:db8:1:200::1"} {
		if got := send(l, addr(victim), same, 100, start, 0); got[Send] != 20 {
			t.Fatalf("%v", got)
		}
	}
	for a, want := range map[string]bool{
		"203.0.113.250": false, "::ffff:203.0.113.1": false, "203.0.112.9": true, "2001:db8:1:2ff::2": false, "2001:db8:1:300::1": true,
	} {
		if got := l.Charge(addr(a), 7, start) == Send; got != want {
			t.Errorf("%s is sent: %v", a, got)
		}
	}
	if got := l.Charge(addr("203.0.113.9"), 8, start); got != Send {
		t.Errorf("an answer of another kind: %v", got)
	}
	if got := l.Charge(addr("203.0.113.9"), 7, start.Add(time.Second)); got != Send {
		t.Errorf("a second later: %v", got)
	}
}

// TestClock: time that goes back by a day does not shut anybody out for a day.
func TestClock(t *testing.T) {
	l := New(ten())
	send(l, addr("203.0.113.9"), same, 100, start.Add(24*time.Hour), 0)
	if got := send(l, addr("203.0.113.9"), same, 100, start, 0); got[Send] != 20 {
		t.Errorf("after the clock went back: %v", got)
	}
}

// TestFull: a flood from more networks than are remembered costs none of them an
// answer, and one that is attacked all the time is still held to its rate.
func TestFull(t *testing.T) {
	set := ten()
	l := New(set)
	victim, count := addr("203.0.113.9"), [3]int{}
	for i := range 50_000 {
		now := start.Add(time.Duration(i) * 100 * time.Microsecond) // 10,000 a second
		other := netip.AddrFrom4([4]byte{byte(10 + i>>16), byte(i >> 8), byte(i), 1})
		if got := l.Charge(other, 7, now); got != Send {
			t.Fatalf("the first answer to %s: %v", other, got)
		}
		count[l.Charge(victim, 7, now)]++
	}
	if count[Send] > 5*10*20 { // five seconds; in a table a hundred times too small
		t.Errorf("in a flood the victim is sent %d answers", count[Send])
	}
}

func TestConcurrentAndNoAllocation(t *testing.T) {
	l := New(ten())
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 1000 {
				l.Charge(netip.AddrFrom4([4]byte{10, byte(g), byte(i), 1}), uint64(i), start)
			}
		})
	}
	wg.Wait()
	if n := testing.AllocsPerRun(100, func() { l.Charge(addr("203.0.113.9"), 7, start) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCharge(b *testing.B) {
	l, to := New(Default(200)), addr("203.0.113.9")
	for i := 0; b.Loop(); i++ {
		l.Charge(to, uint64(i), start.Add(time.Duration(i)*time.Millisecond))
	}
}
