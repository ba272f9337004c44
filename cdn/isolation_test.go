package cdn

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestWhenIsolatedIsATag(t *testing.T) {
	for value, want := range map[string]WhenIsolated{"": Confirm, "confirm": Confirm, "serve-stale": ServeStale, "of the future": Confirm} {
		p, err := Compile(&Distribution{ID: "E1", Config: siteConfig, Tags: map[string]string{WhenIsolatedTag: value}}, access)
		if err != nil || p.WhenIsolated != want {
			t.Errorf("%q: %v, %v", value, p.WhenIsolated, err)
		}
	}
	for _, value := range []string{"", "stale", "Serve-Stale"} {
		_, err := ParseWhenIsolated(value)
		if ErrorCode(err) != "InvalidArgument" || !strings.Contains(err.Error(), "serve-stale") || !strings.Contains(err.Error(), "confirm") {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestMayServe(t *testing.T) {
	for _, test := range []struct {
		when                   WhenIsolated
		leased, entitled, want bool
	}{
		{Confirm, true, true, true}, {Confirm, false, true, false}, {Confirm, false, false, false},
		{ServeStale, true, true, true}, {ServeStale, false, true, true},
		{ServeStale, false, false, false}, // started from disk, never level with control
	} {
		if got := (&Plan{WhenIsolated: test.when}).MayServe(test.leased, test.entitled); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

func TestIsolationFreesWhoHasHeardThatItIsOff(t *testing.T) {
	v := func(n uint64) Version { return Version{1, n} }
	var never Isolation
	on := never.At(ServeStale, v(5))
	still := on.At(ServeStale, v(6))
	off := still.At(Confirm, v(8))
	stays := off.At(Confirm, v(9))
	again := stays.At(ServeStale, v(10))
	twice := again.At(Confirm, v(12))
	for _, test := range []struct {
		name  string
		i     Isolation
		acked uint64
		want  bool
	}{
		{"never on", never, 0, true},
		{"on", on, 5, false},
		// It may have applied more than it has acknowledged.
		{"on, and the node has not heard of it", on, 4, false},
		{"on for two versions", still, 6, false},
		{"off, and the node has not heard of it", off, 7, false},
		{"off, and the node had not heard that it was on", off, 3, false},
		{"off, and the node has heard of it", off, 8, true},
		{"off for two versions", stays, 8, true},
		{"on again", again, 9, false},
		{"off again, and the node has heard of the first time", twice, 9, false},
		{"off again, and the node has heard of it", twice, 12, true},
	} {
		if got := test.i.Frees(v(test.acked)); got != test.want {
			t.Errorf("%s: frees who has acknowledged %d: %v", test.name, test.acked, got)
		}
	}
	if got := stays.Frees(Version{}); got {
		t.Error("frees who has acknowledged nothing")
	}
}

func TestStateRemembersUntilWhenADistributionWasServedStale(t *testing.T) {
	s := sampleState(t)
	put := func(tags map[string]string) {
		t.Helper()
		d := *s.Distributions["E1"]
		d.Tags = tags
		s = applied(t, s, KindDistributionPut, d)
	}
	put(map[string]string{WhenIsolatedTag: "serve-stale"})
	if !s.Isolations()["E1"].ServeStale || s.Plans["E1"].WhenIsolated != ServeStale {
		t.Fatalf("on: %+v", s.Isolations())
	}
	put(nil)
	off := s.Version
	put(map[string]string{"team": "a"})
	want := Isolation{Until: off}
	if got := s.Isolations()["E1"]; got != want {
		t.Fatalf("off: %+v, want %+v", got, want)
	}
	for range 2 { // a snapshot of a snapshot too
		snap, err := s.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		doc, err := json.Marshal(snap)
		if err != nil {
			t.Fatal(err)
		}
		snap = Snapshot{}
		if err := json.Unmarshal(doc, &snap); err != nil {
			t.Fatal(err)
		}
		if s, err = Restore(snap); err != nil || s.Isolations()["E1"] != want {
			t.Fatalf("restored: %+v, %v", s.Isolations(), err)
		}
	}
	before := s
	put(map[string]string{WhenIsolatedTag: "serve-stale"})
	if before.Isolations()["E1"].ServeStale {
		t.Error("an older state was changed")
	}
	if s = applied(t, s, KindDistributionDelete, Ref{ID: "E1"}); len(s.Isolations()) != 0 {
		t.Errorf("deleted: %+v", s.Isolations())
	}
}

func applied(t *testing.T, s *State, kind Kind, body any) *State {
	t.Helper()
	doc, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	next, err := s.Apply(Change{Version: s.Version.Next(), Kind: kind, Schema: 1, Critical: true, Body: doc})
	if err != nil {
		t.Fatal(err)
	}
	return next
}
