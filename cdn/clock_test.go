package cdn

import (
	"encoding/json"
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	var c Clock
	for _, d := range []time.Duration{0, -time.Hour, MaxAhead + 1} {
		if _, err := c.Advanced(d); err == nil {
			t.Errorf("advanced by %v", d)
		}
	}
	c, err := c.Advanced(25 * time.Hour)
	if err != nil || c.Ahead != 25*time.Hour {
		t.Fatal(c, err)
	}
	if _, err := c.Advanced(MaxAhead); err == nil {
		t.Error("advanced beyond what durations hold")
	}
	if got := (Clock{}).Reset(Version{1, 9}); got != (Clock{}) {
		t.Errorf("reset where it was not moved: %+v", got)
	}

	// The journal keeps it, a snapshot too.
	s := NewState(1)
	apply := func(c Clock) {
		t.Helper()
		value, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		change, err := NewChange(KindSetting, Setting{SettingClock, value}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		change.Version = s.Version.Next()
		if s, err = s.Apply(change); err != nil {
			t.Fatal(err)
		}
	}
	apply(c)
	if s.Clock() != c {
		t.Errorf("%+v", s.Clock())
	}
	apply(c.Reset(s.Version.Next()))
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	restored, err := Restore(snap)
	if want := (Clock{SetBack: Version{1, 2}}); err != nil || s.Clock() != want || restored.Clock() != want {
		t.Errorf("%+v, restored %+v, %v", s.Clock(), restored.Clock(), err)
	}
}
