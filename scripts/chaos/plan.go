package main

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/warmfront/warmfront/scripts/chaos/lab"
)

// faultKind says what a fault does.
type faultKind string

// The kinds. Those of a process are had by one node one at a time; those of the network add up.
const (
	cutControl   faultKind = "cut from control"
	cutOrigin    faultKind = "cut from the origin"
	cutPeer      faultKind = "cut from another edge"
	isolate      faultKind = "cut from everybody but viewers"
	lossy        faultKind = "packets lost"
	stop         faultKind = "stopped (SIGSTOP)"
	kill         faultKind = "killed (SIGKILL)"
	oldFolder    faultKind = "whole disk put back"
	oldCache     faultKind = "cache folder put back"
	oldJournal   faultKind = "journal folder put back"
	diskFull     faultKind = "disk full"
	clockAhead   faultKind = "wall clock a day ahead"
	clockBehind  faultKind = "wall clock a day behind"
	stopControl  faultKind = "control stopped (SIGSTOP)"
	killControl  faultKind = "control killed (SIGKILL)"
	killMidway   faultKind = "control killed amid invalidations"
	oldControl   faultKind = "control's disk put back"
	aheadControl faultKind = "control's wall clock a day ahead"
)

// fault is one thing that goes wrong.
type fault struct {
	N         int
	Kind      faultKind
	Node      string
	Other     string        // of cutPeer
	Direction lab.Direction // of cuts
	At, For   time.Duration // since the start of the run
	// Pick decides what is left to decide when it happens.
	Pick float64
}

// ofProcess reports whether a fault takes its node's process.
func (k faultKind) ofProcess() bool {
	return !slices.Contains([]faultKind{cutControl, cutOrigin, cutPeer, isolate, lossy, diskFull}, k)
}

func (k faultKind) ofControl() bool {
	return slices.Contains([]faultKind{stopControl, killControl, killMidway, oldControl, aheadControl}, k)
}

const controlName = "control"

// The run's phases: everything is well at the beginning and at the end, and between storms.
const (
	warmUp   = 5 * time.Second
	calm     = 17 * time.Second
	coolDown = 25 * time.Second
)

// plan draws the faults of a run from its seed, in the order in which they begin. Every kind is dealt once before
// any is dealt again.
func plan(seed uint64, total time.Duration, edges []string) []fault {
	p := &planner{rand: rand.New(rand.NewPCG(seed, 0)), edges: edges, busy: map[string]time.Duration{}}
	for at := warmUp; at < total-coolDown; {
		storm := 35*time.Second + time.Duration(p.rand.IntN(55))*time.Second
		if left := total - coolDown - at; left < storm+calm+20*time.Second {
			storm = left
		}
		p.storm(at, at+storm)
		at += storm + calm
	}
	return p.faults
}

type planner struct {
	rand   *rand.Rand
	edges  []string
	deck   []faultKind
	faults []fault
	// busy says until when a node's process has a fault.
	busy map[string]time.Duration
}

func (p *planner) storm(from, until time.Duration) {
	for at := from; at < until-2*time.Second; at += 300*time.Millisecond + p.between(0, 2500*time.Millisecond) {
		f := fault{N: len(p.faults) + 1, Kind: p.deal(), Node: p.edges[p.rand.IntN(len(p.edges))], At: at, Pick: p.rand.Float64()}
		f.Direction = []lab.Direction{lab.Both, lab.In, lab.Out}[p.rand.IntN(3)]
		f.Other = p.edges[p.rand.IntN(len(p.edges))]
		f.For = min(p.lasts(f.Kind), until-at)
		if f.Kind.ofControl() {
			f.Node = controlName
		}
		if f.Kind == cutPeer && f.Other == f.Node {
			continue
		}
		if f.Kind.ofProcess() {
			if at < p.busy[f.Node] {
				p.deck = append(p.deck, f.Kind) // later, or another node
				continue
			}
			p.busy[f.Node] = at + f.For + time.Second
			if f.Kind.ofControl() && p.rand.IntN(3) > 0 {
				p.busy[f.Node] += 12 * time.Second // a restarted control waits out a lease before it completes anything
			}
		}
		p.faults = append(p.faults, f)
	}
}

// deal takes the next kind from a shuffled deck.
func (p *planner) deal() faultKind {
	if len(p.deck) == 0 {
		p.deck = []faultKind{
			cutControl, cutControl, cutControl, cutOrigin, cutOrigin, cutPeer, cutPeer, isolate, lossy, stop, stop, stop, kill, kill,
			oldFolder, oldCache, oldJournal, diskFull, clockAhead, clockBehind, stopControl, killControl, killMidway, oldControl, aheadControl,
		}
		p.rand.Shuffle(len(p.deck), func(i, j int) { p.deck[i], p.deck[j] = p.deck[j], p.deck[i] })
	}
	k := p.deck[0]
	p.deck = p.deck[1:]
	return k
}

// lasts draws how long a fault lasts: of what has two sides to it (shorter than a lease, longer than it), both.
func (p *planner) lasts(k faultKind) time.Duration {
	switch k {
	case stop:
		if p.rand.IntN(2) == 0 {
			return p.between(time.Second, 8*time.Second)
		}
		return p.between(8*time.Second, 60*time.Second)
	case stopControl, aheadControl:
		return p.between(time.Second, 16*time.Second)
	case kill, oldFolder, oldCache, oldJournal, killControl, killMidway, oldControl:
		return p.between(0, 5*time.Second)
	}
	return p.between(time.Second, 30*time.Second)
}

func (p *planner) between(a, b time.Duration) time.Duration {
	return (a + time.Duration(p.rand.Int64N(int64(b-a)))).Round(time.Millisecond)
}
