package journal

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
)

// world is the whole protocol on a simulated clock: one control with a ledger,
// nodes as processes with followers and clocks that drift, and calls and answers
// that are late, lost or out of order.
type world struct {
	now     time.Duration
	head    cdn.Version
	ledger  *Ledger
	run     uint64
	settled cdn.Version
	nodes   [3]memory
	procs   []*process
	calls   []call
	// isolations are a distribution's after each change; reported is what was said
	// to be settled for it.
	isolations map[cdn.Version]cdn.Isolation
	reported   cdn.Version
	counts     counts
}

// counts say what a run has come by.
type counts struct{ reported, stale, behind int }

// memory is what a node's disk and control's store remember of it.
type memory struct {
	disk        cdn.Version
	incarnation uint64
	known       uint64
}

type process struct {
	node        int
	incarnation uint64
	f           *Follower
	dead        bool          // its disk is another's: it ended, but for its lease's sake
	rate        float64       // of its clocks
	slept       time.Duration // for which its monotonic clock stood still
	set         time.Duration // by which its wall clock was set
}

// instant reads the process's clocks.
func (p *process) instant(now time.Duration) Instant {
	local := time.Duration(float64(now) * p.rate)
	return Instant{Mono: local - p.slept, Wall: time.Hour + local + p.set}
}

type call struct {
	from     *process
	sent     Instant
	request  LeaseRequest
	answer   LeaseAnswer
	answered bool
}

func newWorld() *world {
	w := &world{head: ver(1, 0), isolations: map[cdn.Version]cdn.Isolation{{Epoch: 1}: {}}}
	for i := range w.nodes {
		w.nodes[i].disk = w.head
	}
	w.startControl(0)
	return w
}

func (w *world) clock() Instant { return Instant{Mono: w.now, Wall: w.now} }

func (w *world) startControl(wait time.Duration) {
	alive := [3][]uint64{}
	for i := range alive {
		if w.ledger != nil {
			alive[i] = w.ledger.Processes(name(i))
		}
	}
	w.run++
	w.ledger = NewLedger(LabTerms(), Term{1, w.run}, w.head, map[Scope]cdn.Version{Completed: w.settled}, wait, w.clock())
	nodes := map[string]cdn.Node{}
	for i := range w.nodes {
		nodes[name(i)] = cdn.Node{Role: cdn.RoleEdge}
	}
	w.ledger.Register(nodes)
	for i, p := range alive {
		w.ledger.Recall(name(i), w.nodes[i].known, p)
	}
}

func name(node int) string { return fmt.Sprint("N", node) }

// do takes one step; a chooses what, b whom and how much.
func (w *world) do(a, b byte) {
	var p *process
	if len(w.procs) > 0 {
		p = w.procs[int(b)%len(w.procs)]
	}
	switch a % 16 {
	case 0, 1:
		was, when := w.isolations[w.head], cdn.Confirm
		if was.ServeStale != (b%8 == 0) { // it is changed now and then
			when = cdn.ServeStale
		}
		w.head = w.head.Next()
		w.isolations[w.head] = was.At(when, w.head)
		w.ledger.Appended(w.head, w.clock())
	case 2, 3, 4:
		if p != nil && p.f.Applied() != w.head {
			p.f.Step(changed(p.f.Applied().Next()))
			if !p.dead {
				w.nodes[p.node].disk = p.f.Applied()
			}
		}
	case 5:
		if p != nil {
			p.f.Step(headed(w.head))
		}
	case 6, 7:
		if p != nil && p.f.Synced() {
			r := LeaseRequest{Incarnation: p.incarnation, Applied: p.f.Applied(), Seen: p.f.Seen()}
			w.calls = append(w.calls, call{from: p, sent: p.instant(w.now), request: r})
		}
	case 8, 9, 10:
		w.deliver(int(b))
	case 11:
		if len(w.calls) > 0 && b%4 == 0 {
			w.drop(int(b) % len(w.calls))
		} else if p != nil && b%32 == 1 {
			p.f.Step(Released{})
			r := LeaseRequest{Incarnation: p.incarnation, Applied: p.f.Applied(), Seen: p.f.Seen(), Release: true}
			w.calls = append(w.calls, call{from: p, request: r})
		}
	case 12:
		w.now += time.Duration(b) * 10 * time.Millisecond
		if b > 225 { // long enough for leases to end
			w.now += LabTerms().Held()
		}
		w.ledger.Sweep(w.clock())
	case 13:
		if b%4 == 0 || len(w.procs) < len(w.nodes) {
			w.start(int(b/4)%len(w.nodes), b%8 == 0)
		}
	case 14:
		// Both at once, a machine that sleeps and whose wall clock is set back, is
		// outside what the leases promise.
		if p != nil && b > 200 && p.set == 0 {
			d := time.Duration(b-200) * 200 * time.Millisecond
			w.now += d
			p.slept += d
		} else if p != nil && b > 180 && p.slept == 0 {
			p.set -= time.Duration(b) * 100 * time.Millisecond
		}
	case 15:
		if b > 230 {
			w.startControl(LabTerms().Held())
		}
	}
}

// start starts a node's process, from its disk or an empty one. The one that ran
// before is not stopped: control cannot tell a crash from a cut cable. But a disk
// is one process's, so one whose disk was taken serves no longer than its lease.
func (w *world) start(node int, empty bool) {
	if len(w.procs) >= 6 {
		w.forget(w.procs[0].node)
	}
	m := &w.nodes[node]
	if empty {
		m.disk, m.incarnation = ver(1, 0), 0
	} else {
		for _, p := range w.procs {
			p.dead = p.dead || p.node == node && p.incarnation == m.incarnation
		}
	}
	m.incarnation, _ = w.ledger.Join(name(node), m.incarnation, m.known)
	m.known = m.incarnation
	rates := [3]float64{0.99, 1, 1.01}
	w.procs = append(w.procs, &process{
		node: node, incarnation: m.incarnation, rate: rates[len(w.procs)%3],
		f: NewFollower(oracle(m.disk), Term{}),
	})
}

// forget forgets a node, whose processes have ended, and registers it again.
func (w *world) forget(node int) {
	w.procs = slices.DeleteFunc(w.procs, func(p *process) bool { return p.node == node })
	nodes := map[string]cdn.Node{}
	for i := range w.nodes {
		if i != node {
			nodes[name(i)] = cdn.Node{Role: cdn.RoleEdge}
		}
	}
	w.ledger.Register(nodes)
	nodes[name(node)] = cdn.Node{Role: cdn.RoleEdge}
	w.ledger.Register(nodes)
}

// deliver brings a call to control, or its answer back.
func (w *world) deliver(b int) {
	if len(w.calls) == 0 {
		return
	}
	c := &w.calls[b%len(w.calls)]
	if c.answered {
		c.from.f.Step(Answered{Sent: c.sent, Answer: c.answer})
		w.drop(b % len(w.calls))
		return
	}
	answer, err := w.ledger.Lease(name(c.from.node), c.request, w.clock())
	if err != nil {
		w.drop(b % len(w.calls))
		return
	}
	c.answer, c.answered = answer, true
}

func (w *world) drop(i int) { w.calls = append(w.calls[:i], w.calls[i+1:]...) }

// check holds the world to the promise.
func (w *world) check() error {
	settled := w.ledger.Settled(Completed, w.clock())
	if settled.Before(w.settled) {
		return fmt.Errorf("settled %v after %v", settled, w.settled)
	}
	w.settled = settled
	for _, p := range w.procs {
		if p.f.Lease().Valid(p.instant(w.now)) && p.f.Applied().Before(settled) {
			return fmt.Errorf("%v is settled, and process %d of %s serves by %v", settled, p.incarnation, name(p.node), p.f.Applied())
		}
	}
	return w.checkStale()
}

// checkStale holds it to the promise for the distribution that is served without a
// lease at times: what is reported for it no process serves by an older version.
func (w *world) checkStale() error {
	// As control does: what is reported stays so, and a distribution that everybody
	// has heard the last of is one like any other.
	i := w.isolations[w.head]
	settled := w.reported
	if !i.ServeStale && !settled.Before(i.Until) {
		settled = settled.Max(w.settled)
	} else {
		settled = settled.Max(w.ledger.SettledFor(Completed, i, w.clock()))
	}
	if w.reported.Before(settled) {
		w.counts.reported++
	}
	w.reported = settled
	for _, p := range w.procs {
		may := (&cdn.Plan{WhenIsolated: when(w.isolations[p.f.Applied()])}).MayServe(false, p.f.Entitled())
		if !may || p.dead || p.f.Lease().Valid(p.instant(w.now)) {
			continue
		}
		w.counts.stale++
		if p.f.Applied().Before(settled) {
			return fmt.Errorf("%v is settled for the distribution, and process %d of %s serves it by %v", settled, p.incarnation, name(p.node), p.f.Applied())
		}
		if p.f.Applied().Before(w.settled) {
			w.counts.behind++
		}
	}
	return nil
}

func when(i cdn.Isolation) cdn.WhenIsolated {
	if i.ServeStale {
		return cdn.ServeStale
	}
	return cdn.Confirm
}

func play(data []byte) error {
	_, err := playOn(newWorld(), data)
	return err
}

func playOn(w *world, data []byte) (counts, error) {
	for i := 0; i+1 < len(data); i += 2 {
		w.do(data[i], data[i+1])
		if err := w.check(); err != nil {
			return w.counts, fmt.Errorf("step %d: %w", i/2, err)
		}
	}
	return w.counts, nil
}

func FuzzNoLeasedNodeIsBehindWhatSettled(f *testing.F) {
	f.Add([]byte{13, 0, 5, 0, 6, 0, 8, 0, 8, 0, 0, 0, 12, 200})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 2000 {
			return
		}
		if err := play(data); err != nil {
			t.Fatal(err)
		}
	})
}

func TestNoLeasedNodeIsBehindWhatSettled(t *testing.T) {
	seeds, all := uint64(200), counts{}
	if testing.Short() {
		seeds = 50
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 1))
		data := make([]byte, 2000)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		c, err := playOn(newWorld(), data)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		all.reported, all.stale, all.behind = all.reported+c.reported, all.stale+c.stale, all.behind+c.behind
	}
	// A world in which nothing is reported, or nothing is served without a lease by
	// what Completed for others, would prove nothing.
	if least := 5 * int(seeds); all.reported < least || all.stale < least || all.behind < least/10 {
		t.Errorf("the runs came by too little: %+v", all)
	}
	t.Logf("%+v", all)
}
