package chaos

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"
)

// Kind says what a fault does.
type Kind string

// The kinds. Those of a process are had by one node one at a time; those of the network add up.
const (
	CutControl Kind = "cut from control"
	CutOrigin  Kind = "cut from the origin"
	CutEdge    Kind = "cut from another edge"
	Isolate    Kind = "cut from everybody but viewers"
	Break      Kind = "its connections break"
	Pause      Kind = "stands still"
	Suspend    Kind = "sleeps: it stands still, and its monotonic clock too"
	WallClock  Kind = "wall clock set"
	Crash      Kind = "crashes"
	PowerOff   Kind = "loses its power"
	// Flap cuts a node from control inbound, lets what was held through, and cuts it again at once, both ways.
	Flap Kind = "cut from control, and after a moment again"
	// The node crashes, and its disk is put back to an older copy: all of it, what it stores, or what it knows.
	OldDisk    Kind = "disk put back"
	OldCache   Kind = "cache put back"
	OldJournal Kind = "journal put back"

	PauseControl Kind = "control stands still"
	WallControl  Kind = "control's wall clock set"
	CrashControl Kind = "control crashes"
	PowerControl Kind = "control loses its power"
	// AmidWrite crashes control at one of its next writes: just before it is durable, or just after.
	AmidWrite Kind = "control crashes amid a write"
	// OldControl crashes control and puts its store back to an older copy, with which it begins a new epoch.
	OldControl Kind = "control's store put back"
)

// weights say how often each kind is dealt.
func weights() map[Kind]int {
	return map[Kind]int{
		CutControl: 4, CutOrigin: 2, CutEdge: 3, Isolate: 2, Break: 2, Flap: 3, Pause: 2, Suspend: 4, WallClock: 2, Crash: 3, PowerOff: 3,
		OldDisk: 2, OldCache: 2, OldJournal: 1, PauseControl: 2, WallControl: 1, CrashControl: 2, PowerControl: 1, AmidWrite: 3, OldControl: 1,
	}
}

func (k Kind) ofControl() bool {
	return slices.Contains([]Kind{PauseControl, WallControl, CrashControl, PowerControl, AmidWrite, OldControl}, k)
}

// ofProcess reports whether a fault takes its node's process.
func (k Kind) ofProcess() bool {
	return !slices.Contains([]Kind{CutControl, CutOrigin, CutEdge, Isolate, Break, Flap}, k)
}

// Direction is that in which a way is cut, as the node that has the fault sees it.
type Direction string

// The directions.
const (
	Both Direction = "both ways"
	In   Direction = "inbound"
	Out  Direction = "outbound"
)

// Fault is one thing that goes wrong.
type Fault struct {
	Kind      Kind          `json:"kind"`
	Node      string        `json:"node"`
	Other     string        `json:"other,omitempty"` // of CutEdge
	Direction Direction     `json:"direction,omitempty"`
	At        time.Duration `json:"at"` // since the start of the run
	For       time.Duration `json:"for"`
	// Pick, 0 to 1, decides what is left to decide when it happens.
	Pick float64 `json:"pick"`
}

func (f Fault) String() string {
	s := fmt.Sprintf("%s %s", f.Node, f.Kind)
	if f.Kind == CutEdge {
		s += " " + f.Other
	}
	if f.Direction != "" {
		s += " " + string(f.Direction)
	}
	return fmt.Sprintf("%s for %v", s, f.For.Round(time.Millisecond))
}

// Schedule is what a run goes by.
type Schedule struct {
	// Seed is where it comes from; it decides about readers and the publisher, too.
	Seed uint64 `json:"seed"`
	// Length is of the whole run.
	Length time.Duration `json:"length"`
	Faults []Fault       `json:"faults"`
}

// All is well at the beginning and at the end.
const (
	warmUp   = 3 * time.Second
	coolDown = 3*leaseLength + 8*time.Second
)

// Draw makes the schedule of a seed.
func Draw(seed uint64, length time.Duration) Schedule {
	r := rand.New(rand.NewPCG(seed, 1))
	s := Schedule{Seed: seed, Length: length}
	var deck []Kind
	busy := map[string]time.Duration{}
	end := length - coolDown
	for at := warmUp; at < end; at += time.Duration(r.ExpFloat64() * float64(1200*time.Millisecond)) {
		if len(deck) == 0 {
			deck = shuffled(r)
		}
		f := Fault{Kind: deck[0], At: at, Pick: r.Float64(), For: lasts(r)}
		deck = deck[1:]
		names := edgeNames()
		at := r.Perm(len(names))
		f.Node = names[at[0]]
		switch f.Kind {
		case CutEdge:
			f.Other = names[at[1]]
			fallthrough
		case CutControl, CutOrigin, Isolate:
			f.Direction = []Direction{Both, In, Out}[r.IntN(3)]
		case Break:
			f.For = 0
		default:
			if f.Kind.ofControl() {
				f.Node = controlName
				f.For = f.For * 2 / 5 // leases are to outlast it, mostly
			}
		}
		f.For = min(f.For, end-f.At)
		if f.Kind.ofProcess() {
			if f.At < busy[f.Node] {
				continue
			}
			busy[f.Node] = f.At + f.For + time.Second
			switch {
			case f.Kind == WallClock:
				// A machine whose wall clock is set back and that then sleeps within one lease is beyond what is promised:
				// it has no clock left that tells the time.
				busy[f.Node] += leaseLength
			case f.Node == controlName && f.Kind != WallControl:
				busy[f.Node] += 3 * leaseLength // it waits out a lease before it settles anything
			}
		}
		s.Faults = append(s.Faults, f)
	}
	return s
}

// shuffled returns every kind, as often as its weight says.
func shuffled(r *rand.Rand) []Kind {
	var deck []Kind
	for k, n := range weights() {
		deck = append(deck, slices.Repeat([]Kind{k}, n)...)
	}
	slices.Sort(deck)
	r.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
	return deck
}

// lasts draws how long a fault lasts: mostly about a lease.
func lasts(r *rand.Rand) time.Duration {
	most := 2 * leaseLength
	if r.IntN(4) == 0 {
		most = leaseLength / 4
	}
	return 20*time.Millisecond + time.Duration(r.Float64()*float64(most))
}

// Save writes the schedule to a file.
func (s Schedule) Save(path string) error {
	doc, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(doc, '\n'), 0o600)
}

// Load reads a schedule that Save has written.
func Load(path string) (s Schedule, err error) {
	doc, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(doc, &s); err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	if s.Length <= 0 {
		return s, errors.New(path + " is not a schedule: it has no length")
	}
	return s, nil
}
