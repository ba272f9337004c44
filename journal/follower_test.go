package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
)

func ver(epoch, number uint64) cdn.Version { return cdn.Version{Epoch: epoch, Number: number} }

func change(v cdn.Version) cdn.Change {
	body := fmt.Sprintf(`{"name":"n%d","value":%d}`, v.Number%7, v.Number)
	return cdn.Change{Version: v, Kind: cdn.KindSetting, Schema: 1, Critical: true, Body: json.RawMessage(body)}
}

func changed(v cdn.Version) Event {
	c := change(v)
	return Received{Frame: Frame{Change: &c}}
}

func headed(v cdn.Version) Event { return Received{Frame: Frame{Head: &v}} }

func snapped(v cdn.Version) Event { return Received{Frame: Frame{Snapshot: &cdn.Snapshot{Version: v}}} }

// relayed is the same event from a neighbour.
func relayed(e Event) Event {
	r := e.(Received)
	r.Relayed = true
	return r
}

// at returns a synced follower that has applied v.
func at(t testing.TB, v cdn.Version) *Follower {
	t.Helper()
	f := NewFollower(cdn.NewState(0), Term{})
	f.Step(snapped(v))
	f.Step(headed(v))
	if f.Applied() != v || !f.Synced() {
		t.Fatalf("applied %v, synced %v", f.Applied(), f.Synced())
	}
	return f
}

// names lists the actions by type.
func names(actions []Action) []string {
	out := []string{}
	for _, a := range actions {
		out = append(out, reflect.TypeOf(a).Name())
	}
	return out
}

func TestFollowerSteps(t *testing.T) {
	unknown := cdn.Change{Version: ver(2, 6), Kind: "of the future", Critical: true}
	skipped := cdn.Change{Version: ver(2, 6), Kind: "of the future"}
	broken := cdn.Change{Version: ver(2, 6), Kind: cdn.KindSetting, Schema: 1, Critical: true, Body: json.RawMessage(`[]`)}
	for _, test := range []struct {
		name    string
		event   Event
		want    []string
		applied cdn.Version
	}{
		{"the next change", changed(ver(2, 6)), []string{"Publish", "Acknowledge"}, ver(2, 6)},
		{"a change applied already", changed(ver(2, 5)), []string{}, ver(2, 5)},
		{"a change after a gap", changed(ver(2, 7)), []string{"Fetch"}, ver(2, 5)},
		{"a change of an older epoch", changed(ver(1, 9)), []string{"Refuse"}, ver(2, 5)},
		{"a change of a newer epoch", changed(ver(3, 1)), []string{"Fetch"}, ver(2, 5)},
		{"a newer snapshot", snapped(ver(2, 9)), []string{"Publish", "Acknowledge"}, ver(2, 9)},
		{"a snapshot of a newer epoch", snapped(ver(3, 0)), []string{"Publish", "Acknowledge"}, ver(3, 0)},
		{"the same snapshot", snapped(ver(2, 5)), []string{}, ver(2, 5)},
		{"a snapshot that goes back", snapped(ver(2, 4)), []string{"Refuse"}, ver(2, 5)},
		{"a snapshot of an older epoch", snapped(ver(1, 99)), []string{"Refuse"}, ver(2, 5)},
		{"a head that shows a gap", headed(ver(2, 6)), []string{"Fetch"}, ver(2, 5)},
		{"the head", headed(ver(2, 5)), []string{}, ver(2, 5)},
		{"a head of an older epoch", headed(ver(1, 5)), []string{"Refuse"}, ver(2, 5)},
		{"an empty frame", Received{}, []string{}, ver(2, 5)},
		{"a critical change of an unknown kind", Received{Frame: Frame{Change: &unknown}}, []string{"Renewed", "Stop"}, ver(2, 5)},
		{"a change of an unknown kind", Received{Frame: Frame{Change: &skipped}}, []string{"Publish", "Acknowledge"}, ver(2, 6)},
		{"a change that cannot be applied", Received{Frame: Frame{Change: &broken}}, []string{"Renewed", "Stop"}, ver(2, 5)},
		{"the next change, relayed", relayed(changed(ver(2, 6))), []string{"Publish", "Acknowledge"}, ver(2, 6)},
		{"a change applied already, relayed", relayed(changed(ver(2, 5))), []string{}, ver(2, 5)},
		{"a change after a gap, relayed", relayed(changed(ver(2, 7))), []string{"Refuse"}, ver(2, 5)},
		{"a change of an older epoch, relayed", relayed(changed(ver(1, 9))), []string{"Refuse"}, ver(2, 5)},
		{"a change of a newer epoch, relayed", relayed(changed(ver(3, 1))), []string{"Refuse"}, ver(2, 5)},
		{"a newer snapshot, relayed", relayed(snapped(ver(2, 9))), []string{"Publish", "Acknowledge"}, ver(2, 9)},
		{"a snapshot that goes back, relayed", relayed(snapped(ver(2, 4))), []string{"Refuse"}, ver(2, 5)},
		{"a neighbour's head", relayed(headed(ver(2, 5))), []string{}, ver(2, 5)},
		{"the head of a neighbour that is behind", relayed(headed(ver(2, 4))), []string{}, ver(2, 5)},
		{"a neighbour's head that shows a gap", relayed(headed(ver(2, 6))), []string{"Refuse"}, ver(2, 5)},
		{"a neighbour's head of an older epoch", relayed(headed(ver(1, 5))), []string{"Refuse"}, ver(2, 5)},
		{"a hint of what is applied", Hinted{ver(2, 5)}, []string{}, ver(2, 5)},
		{"a hint while the stream is open", Hinted{ver(2, 6)}, []string{"Recheck"}, ver(2, 5)},
		{"a granted lease", Answered{Answer: LeaseAnswer{Granted: true, Terms: LabTerms()}}, []string{"Renewed"}, ver(2, 5)},
		{"a lease refused for a gap", Answered{Answer: LeaseAnswer{Head: ver(2, 6)}}, []string{"Recheck"}, ver(2, 5)},
		{"giving up", Released{}, []string{"Renewed"}, ver(2, 5)},
	} {
		f := at(t, ver(2, 5))
		if got := names(f.Step(test.event)); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: does %v, want %v", test.name, got, test.want)
		}
		if f.Applied() != test.applied {
			t.Errorf("%s: has applied %v, want %v", test.name, f.Applied(), test.applied)
		}
	}
}

func TestFollowerHasNoLeaseBeforeItWasLevelInThisLife(t *testing.T) {
	disk := at(t, ver(1, 5)).State()
	f := NewFollower(disk, Term{1, 1})
	granted := Answered{Answer: LeaseAnswer{Granted: true, Terms: LabTerms(), Term: Term{1, 1}}}
	if got := names(f.Step(granted)); len(got) != 0 || f.Lease().Valid(Instant{}) {
		t.Errorf("before the first sync a lease was taken: %v", got)
	}
	f.Step(changed(ver(1, 6)))
	if f.Synced() {
		t.Error("synced before the head was known")
	}
	if got := names(f.Step(headed(ver(1, 7)))); !reflect.DeepEqual(got, []string{"Fetch"}) || f.Synced() {
		t.Errorf("behind the head: %v, synced %v", got, f.Synced())
	}
	f.Step(changed(ver(1, 7)))
	if got := names(f.Step(headed(ver(1, 7)))); !reflect.DeepEqual(got, []string{"Acknowledge"}) || !f.Synced() {
		t.Errorf("level with the head: %v, synced %v", got, f.Synced())
	}
	if f.Step(granted); !f.Lease().Valid(Instant{}) {
		t.Error("no lease after the first sync")
	}
}

// A node that sets about to join may be taken for ended, unless it is told that it
// was not. Who tells it may be another than who was asked before and has said nothing.
func TestFollowerThatIsTurnedAwayStandsAsBefore(t *testing.T) {
	granted := Answered{Answer: LeaseAnswer{Granted: true, Terms: LabTerms(), Term: Term{1, 1}}}
	for _, test := range []struct {
		name   string
		events []Event
		want   bool
	}{
		{"turned away", []Event{granted, Joining{}, TurnedAway{}}, true},
		{"turned away twice", []Event{granted, Joining{}, TurnedAway{}, Joining{}, TurnedAway{}}, true},
		{"no answer", []Event{granted, Joining{}}, false},
		{"no answer, and turned away by the next", []Event{granted, Joining{}, Joining{}, TurnedAway{}}, false},
		{"turned away, and no answer", []Event{granted, Joining{}, TurnedAway{}, Joining{}}, false},
		{"never leased", []Event{Joining{}, TurnedAway{}}, false},
		{"turned away from nothing", []Event{granted, Joining{}, TurnedAway{}, TurnedAway{}}, false},
		{"the lease was given up", []Event{granted, Joining{}, Released{}, TurnedAway{}}, false},
	} {
		f := at(t, ver(1, 5))
		for _, e := range test.events {
			f.Step(e)
		}
		if f.Entitled() != test.want {
			t.Errorf("%s: entitled is %v", test.name, f.Entitled())
		}
	}
}

// A neighbour that is cut off as well is level with itself only.
func TestFollowerIsNotSyncedByANeighbour(t *testing.T) {
	f := NewFollower(cdn.NewState(0), Term{})
	f.Step(relayed(snapped(ver(1, 5))))
	f.Step(relayed(changed(ver(1, 6))))
	f.Step(relayed(headed(ver(1, 6))))
	if f.Applied() != ver(1, 6) || f.Synced() {
		t.Errorf("applied %v, synced %v", f.Applied(), f.Synced())
	}
	if got := f.Step(headed(ver(1, 7))); !reflect.DeepEqual(got, []Action{Fetch{ver(1, 6)}}) || f.Synced() {
		t.Errorf("then control is at 1.7: %v, synced %v", names(got), f.Synced())
	}
}

func TestFollowerLeavesANeighbourThatLacksWhatIsHinted(t *testing.T) {
	f := at(t, ver(1, 5))
	f.Step(StreamLost{})
	f.Step(relayed(headed(ver(1, 5))))
	recheck := []Action{Recheck{Patience}}
	if got := f.Step(Hinted{ver(1, 7)}); !reflect.DeepEqual(got, recheck) {
		t.Errorf("a neighbour is given no time: %v", got)
	}
	f.Step(relayed(changed(ver(1, 6))))
	if got := f.Step(Rechecked{}); !reflect.DeepEqual(got, recheck) {
		t.Errorf("a neighbour that brings something: %v", got)
	}
	f.Step(relayed(headed(ver(1, 6))))
	if got := f.Step(Rechecked{}); !reflect.DeepEqual(got, []Action{Fetch{ver(1, 6)}}) {
		t.Errorf("a neighbour that has no more: %v", got)
	}
	f.Step(StreamLost{Relayed: true})
	if got := f.Step(Hinted{ver(1, 8)}); !reflect.DeepEqual(got, []Action{Fetch{ver(1, 6)}}) {
		t.Errorf("without any stream: %v", got)
	}
}

func TestFollowerRefusesAnOlderLeader(t *testing.T) {
	f := at(t, ver(2, 5))
	answer := func(term Term) []string {
		return names(f.Step(Answered{Answer: LeaseAnswer{Granted: true, Terms: LabTerms(), Term: term}}))
	}
	for _, step := range []struct {
		term Term
		want string
	}{
		{Term{2, 3}, "Renewed"}, {Term{2, 3}, "Renewed"}, {Term{2, 2}, "Refuse"}, {Term{1, 9}, "Refuse"}, {Term{3, 1}, "Renewed"}, {Term{2, 9}, "Refuse"},
	} {
		if got := answer(step.term); !reflect.DeepEqual(got, []string{step.want}) {
			t.Errorf("leader %v: %v, want %v", step.term, got, step.want)
		}
	}
	if f.Seen() != (Term{3, 1}) {
		t.Errorf("has seen %v", f.Seen())
	}
}

func TestFollowerThatStoppedDoesNothingMore(t *testing.T) {
	f := at(t, ver(1, 5))
	f.Step(Answered{Answer: LeaseAnswer{Granted: true, Terms: LabTerms()}})
	unknown := cdn.Change{Version: ver(1, 6), Kind: "of the future", Critical: true}
	f.Step(Received{Frame: Frame{Change: &unknown}})
	if !errors.Is(f.Stopped(), cdn.ErrUnknownKind) || f.Synced() || f.Lease().Valid(Instant{}) {
		t.Errorf("stopped: %v, synced %v", f.Stopped(), f.Synced())
	}
	for _, e := range []Event{changed(ver(1, 6)), headed(ver(1, 6)), snapped(ver(1, 9)),
		Answered{Answer: LeaseAnswer{Granted: true, Terms: LabTerms()}}} {
		if got := f.Step(e); len(got) != 0 || f.Applied() != ver(1, 5) {
			t.Errorf("%T: does %v", e, names(got))
		}
	}
}

func TestFollowerFetchesWhenAHintIsNotFollowedByTheStream(t *testing.T) {
	f := at(t, ver(1, 5))
	f.Step(Hinted{ver(1, 8)})
	if got := f.Step(Hinted{ver(1, 8)}); len(got) != 0 {
		t.Errorf("the same hint again: %v", names(got))
	}
	f.Step(changed(ver(1, 6)))
	if got := f.Step(Rechecked{}); !reflect.DeepEqual(got, []Action{Recheck{Patience}}) {
		t.Errorf("the stream lives: %v", got)
	}
	if got := f.Step(Rechecked{}); !reflect.DeepEqual(got, []Action{Fetch{ver(1, 6)}}) {
		t.Errorf("the stream is silent: %v", got)
	}
	f.Step(StreamLost{})
	if got := f.Step(Hinted{ver(1, 9)}); !reflect.DeepEqual(got, []Action{Fetch{ver(1, 6)}}) {
		t.Errorf("the stream is lost: %v", got)
	}
	for n := uint64(7); n <= 9; n++ {
		f.Step(changed(ver(1, n)))
	}
	if got := f.Step(Rechecked{}); len(got) != 0 {
		t.Errorf("level with the hint: %v", got)
	}
}

// FuzzFollower feeds a follower whatever order of frames and holds it to: it
// never goes back, and what it holds is what the journal says at its version.
func FuzzFollower(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5})
	f.Add([]byte{0x01, 0x41, 0x02, 0x82, 0x03, 0xc3})
	f.Fuzz(func(t *testing.T, data []byte) {
		f := NewFollower(cdn.NewState(1), Term{})
		for i, b := range data[:min(len(data), 400)] {
			before := f.Applied()
			v := ver(1+uint64(b>>5&1), uint64(b&0x1f))
			var e Event
			switch b >> 6 {
			case 0, 1:
				if v.Number == 0 {
					continue
				}
				e = changed(v)
			case 2:
				s := oracle(v)
				snap, err := s.Snapshot()
				if err != nil {
					t.Fatal(err)
				}
				e = Received{Frame: Frame{Snapshot: &snap}}
			case 3:
				e = headed(v)
			}
			if i%3 == 1 {
				e = relayed(e)
			}
			for _, a := range f.Step(e) {
				if p, ok := a.(Publish); ok && p.State.Version.Before(before) {
					t.Fatalf("went from %v back to %v", before, p.State.Version)
				}
			}
			if f.Applied().Before(before) {
				t.Fatalf("went from %v back to %v", before, f.Applied())
			}
			if want := oracle(f.Applied()); !reflect.DeepEqual(f.State().Settings, want.Settings) {
				t.Fatalf("at %v it holds %s, the journal says %s", f.Applied(), f.State().Settings, want.Settings)
			}
		}
	})
}

// oracle is what the journal says at v, folded from nothing.
func oracle(v cdn.Version) *cdn.State {
	s := cdn.NewState(v.Epoch)
	for n := uint64(1); n <= v.Number; n++ {
		next, err := s.Apply(change(ver(v.Epoch, n)))
		if err != nil {
			panic(err)
		}
		s = next
	}
	return s
}

func TestPatienceOutlastsALongWayToControl(t *testing.T) {
	// A hint may overtake the stream by a round trip around the world.
	if Patience < 500*time.Millisecond {
		t.Errorf("patience is %v", Patience)
	}
}
