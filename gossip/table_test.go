package gossip

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
)

// happening is one thing a table is told, and what it should say then.
type happening struct {
	at   time.Duration
	does string // "seen", "again" (another run), "goodbye", "gone" or nothing
	want State  // "" where the member is forgotten
}

func TestTable(t *testing.T) {
	const damp = 10 * time.Second
	for _, tt := range []struct {
		name string
		in   []happening
		told []State // by takeChanged after each
	}{
		{"suspect first, dead after the damping time", []happening{
			{0, "seen", Alive}, {time.Second, "gone", Suspect}, {10 * time.Second, "", Suspect}, {11 * time.Second, "", Dead}},
			[]State{Alive, Suspect, Dead}},
		{"back in time, never dead", []happening{
			{0, "seen", Alive}, {1 * time.Second, "gone", Suspect}, {9 * time.Second, "seen", Alive}, {time.Minute, "", Alive}},
			[]State{Alive, Suspect, Alive}},
		{"the second loss is damped twice as long", []happening{
			{0, "seen", Alive}, {1 * time.Second, "gone", Suspect}, {5 * time.Second, "seen", Alive},
			{6 * time.Second, "gone", Suspect}, {25 * time.Second, "", Suspect}, {26 * time.Second, "", Dead}},
			[]State{Alive, Suspect, Alive, Suspect, Dead}},
		{"and so on up to eight times", []happening{
			{0, "seen", Alive},
			{1 * time.Second, "gone", Suspect}, {2 * time.Second, "seen", Alive},
			{3 * time.Second, "gone", Suspect}, {4 * time.Second, "seen", Alive},
			{5 * time.Second, "gone", Suspect}, {6 * time.Second, "seen", Alive},
			{7 * time.Second, "gone", Suspect}, {8 * time.Second, "seen", Alive},
			{10 * time.Second, "gone", Suspect}, {89 * time.Second, "", Suspect}, {90 * time.Second, "", Dead}}, nil},
		{"a return long ago is not held against it", []happening{
			{0, "seen", Alive}, {1 * time.Second, "gone", Suspect}, {5 * time.Second, "seen", Alive},
			{time.Hour, "gone", Suspect}, {time.Hour + damp, "", Dead}}, nil},
		{"goodbye is no death, whatever follows it", []happening{
			{0, "seen", Alive}, {1 * time.Second, "goodbye", Left}, {2 * time.Second, "gone", Left}, {time.Minute, "", Left}},
			[]State{Alive, Left}},
		{"echoes of a run that said goodbye do not bring it back, the next run does", []happening{
			{0, "seen", Alive}, {1 * time.Second, "goodbye", Left}, {2 * time.Second, "seen", Left}, {3 * time.Second, "again", Alive}},
			[]State{Alive, Left, Alive}},
		{"a goodbye of the run before comes too late", []happening{
			{0, "again", Alive}, {1 * time.Second, "goodbye", Alive}}, []State{Alive}},
		{"a goodbye that comes after the loss", []happening{
			{0, "seen", Alive}, {1 * time.Second, "gone", Suspect}, {2 * time.Second, "goodbye", Left}}, nil},
		{"a run that nobody missed", []happening{
			{0, "seen", Alive}, {1 * time.Second, "again", Alive}}, []State{Alive, Alive}},
		{"a stranger's goodbye", []happening{{0, "goodbye", ""}}, []State{}},
		{"the dead are forgotten", []happening{
			{0, "seen", Alive}, {0, "gone", Suspect}, {damp + forgetAfter - 1, "", Dead}, {damp + forgetAfter, "", ""}}, nil},
		{"who looks late finds both steps made", []happening{
			{0, "seen", Alive}, {0, "gone", Suspect}, {2 * forgetAfter, "", ""}}, nil},
		{"gone twice is gone once", []happening{
			{0, "seen", Alive}, {0, "gone", Suspect}, {5 * time.Second, "gone", Suspect}, {damp, "", Dead}, {damp, "gone", Dead}},
			[]State{Alive, Suspect, Dead}},
		{"a stranger is not lost", []happening{{0, "gone", ""}}, []State{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			table := newTable(damp)
			told := []State{}
			for _, h := range tt.in {
				now := start.Add(h.at)
				table.step(now)
				switch h.does {
				case "seen":
					table.seen(cdn.Node{ID: "NRT-1"}, netip.AddrPort{}, 1, now)
				case "again":
					table.seen(cdn.Node{ID: "NRT-1"}, netip.AddrPort{}, 2, now)
				case "goodbye":
					table.goodbye("NRT-1", 1, now)
				case "gone":
					table.gone("NRT-1", now)
				}
				var state State
				if l := table.list(); len(l) > 0 {
					state = l[0].State
				}
				if state != h.want {
					t.Errorf("at %v: %q, want %q", h.at, state, h.want)
				}
				if due, ok := table.due(); ok && !due.After(now) {
					t.Errorf("at %v: still something due at %v", h.at, due.Sub(start))
				}
				for _, m := range table.takeChanged() {
					told = append(told, m.State)
				}
			}
			if tt.told != nil && !slices.Equal(told, tt.told) {
				t.Errorf("told %v, want %v", told, tt.told)
			}
		})
	}
}

func TestTableTellsOfMetadata(t *testing.T) {
	now := time.Now()
	table := newTable(time.Second)
	table.seen(cdn.Node{ID: "a", HTTPPort: 1}, netip.AddrPort{}, 1, now)
	table.takeChanged()
	table.seen(cdn.Node{ID: "a", HTTPPort: 1}, netip.AddrPort{}, 1, now)
	if got := table.takeChanged(); len(got) != 0 {
		t.Errorf("nothing changed, told %v", got)
	}
	later := now.Add(time.Minute)
	table.seen(cdn.Node{ID: "a", HTTPPort: 2}, netip.AddrPort{}, 1, later)
	if got := table.takeChanged(); len(got) != 1 || got[0].Node.HTTPPort != 2 || !got[0].Since.Equal(now) {
		t.Errorf("a port changed, told %v", got)
	}
}
