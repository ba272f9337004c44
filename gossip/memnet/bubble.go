package memnet

import (
	"runtime"
	"testing"
	"testing/synctest"
)

// Bubble is synctest.Test on one P. On several, the race detector's runtime
// crashes now and then (golang.org/issue/78156, seen with Go 1.26.8): a timer
// that is due at once runs on the goroutine that set it, under the same race
// context as those the bubble's root runs at that moment. Races are found just
// as well; they are told by what happened before what, not by the clock. Not
// for parallel tests.
func Bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	synctest.Test(t, f)
}
