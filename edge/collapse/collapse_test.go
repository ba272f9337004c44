package collapse

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

type fetch struct{ key string }

// TestAKeyHoldsUpNoOther that has not the same lock.
func TestAKeyHoldsUpNoOther(t *testing.T) {
	g := NewGroup[*fetch]()
	joining := func(key string, stored func() bool) Joining[*fetch] {
		return Joining[*fetch]{Stored: stored, Make: func() *fetch { return &fetch{key} }, Begin: func(*fetch) {}}
	}
	other := ""
	for i := 0; other == ""; i++ {
		if key := fmt.Sprint(i); g.shard(key) != g.shard("slow") {
			other = key
		}
	}
	f, first := g.Join("slow", joining("slow", func() bool {
		if f, first := g.Join(other, joining(other, func() bool { return false })); f == nil || !first {
			t.Errorf("%v %v", f, first)
		}
		return false
	}))
	if f == nil || f.key != "slow" || !first {
		t.Fatalf("%v %v", f, first)
	}
	g.Landed("slow", f, nil)
	if _, first = g.Join("slow", joining("slow", func() bool { return false })); !first {
		t.Error("one that has landed was joined")
	}
}

func TestAFetchThatPanicsEndsNothingElse(t *testing.T) {
	var log bytes.Buffer
	c := NewCrew(slog.New(slog.NewTextHandler(&log, nil)))
	told := make(chan error, 1)
	c.Start(func() { panic("out of paper") }, func(err error) { told <- err })
	c.Finish()
	if err := <-told; err == nil || !strings.Contains(err.Error(), "out of paper") {
		t.Error(err)
	}
	for _, want := range []string{"level=ERROR", "out of paper", "collapse_test.go"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%q is not in the log: %s", want, &log)
		}
	}
}
