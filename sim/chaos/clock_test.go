package chaos

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/journal"
)

func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock(time.Now(), rand.New(rand.NewPCG(1, 1)))
		c.drift = 0.01
		start := c.at(time.Now())
		passes := func(what string, d, mono, wall time.Duration) {
			t.Helper()
			before := c.at(time.Now())
			<-time.After(d)
			if got := c.at(time.Now()); got.Mono-before.Mono != mono || got.Wall-before.Wall != wall {
				t.Errorf("%s: %v, after %v", what, got, before)
			}
		}
		passes("awake", 10*time.Second, 10100*time.Millisecond, 10100*time.Millisecond)
		c.sleep()
		passes("asleep", 10*time.Second, 0, 10100*time.Millisecond)
		c.wake()
		passes("awake again", time.Second, 1010*time.Millisecond, 1010*time.Millisecond)
		c.put(-24 * time.Hour)
		if got, want := c.at(time.Now()), (journal.Instant{Mono: 11110 * time.Millisecond, Wall: start.Wall + 21210*time.Millisecond - 24*time.Hour}); got != want {
			t.Errorf("set back: %v, want %v", got, want)
		}
		for seed := range uint64(50) {
			if d := newClock(time.Now(), rand.New(rand.NewPCG(seed, 1))).drift; d < -mostDrift || d > mostDrift {
				t.Errorf("drifts by %v", d)
			}
		}
	})
}
