package explore

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/warmfront/warmfront/journal"
)

// Trouble is for how long things go wrong in a run, Calm for how long none does
// after that: by its end the network must have recovered. Length is both.
const (
	Trouble = 60 * time.Second
	Calm    = 45 * time.Second
	Length  = Trouble + Calm
)

// world is one run.
type world struct {
	*scene
	r     *rand.Rand
	now   time.Duration
	queue queue
	seq   uint64
	// bodies is how many there were.
	bodies uint64
	trace  func(string)
	hard   hardship
	check  checker
	Tally

	store    *store
	backup   *store
	controls []*control // the process at each place, which may be dead
	nodes    []*node
	origin   origin
	// cut says until when nothing gets from one place to another.
	cut [places][places]time.Duration
}

// The places: where messages come from and go to.
const (
	placeControls = 0 // and 1
	placeNodes    = 2 // the upper tier, and the edges
	maxNodes      = 5
	placeOrigin   = placeNodes + maxNodes
	places        = placeOrigin + 1
)

// hardship is what one world is like; each is another.
type hardship struct {
	loss, repeat, disorder, late float64 // of messages
	slowest                      time.Duration
	gaps                         float64 // how often a processor is given to somebody else
	faults                       time.Duration
	slowOrigin                   float64
	relays                       bool
	// regional: the second node is a regional cache. lenient: a distribution is
	// served without a lease, on and off; machines are not copied while they run
	// then, for nobody can tell the copy from a restart.
	regional, lenient bool
}

// event is something that happens at a time, on a machine or in the world.
type event struct {
	at  time.Duration
	seq uint64
	on  *machine
	do  func()
}

// queue is a heap: the earliest event comes first, and of those at one time the one
// that was planned first. (container/heap boxes each event, a sixth of a run's time.)
type queue []event

func (q queue) before(i, k int) bool {
	return q[i].at < q[k].at || q[i].at == q[k].at && q[i].seq < q[k].seq
}

func (q *queue) push(e event) {
	*q = append(*q, e)
	h := *q
	for i := len(h) - 1; i > 0 && h.before(i, (i-1)/2); i = (i - 1) / 2 {
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
	}
}

func (q *queue) pop() event {
	h, last := *q, len(*q)-1
	first := h[0]
	h[0], h[last] = h[last], event{}
	h = h[:last]
	for i, least := 0, 0; ; i = least {
		for _, child := range [...]int{2*i + 1, 2*i + 2} {
			if child < last && h.before(child, least) {
				least = child
			}
		}
		if least == i {
			break
		}
		h[i], h[least] = h[least], h[i]
	}
	*q = h
	return first
}

// machine is what a process runs on: its clocks, and whether it runs.
type machine struct {
	w      *world
	name   string
	place  int
	dead   bool
	paused time.Duration // until then
	rate   float64
	// booted is when the process started, slept for how long its monotonic clock
	// stood still since, set by how much its wall clock was set. A machine does
	// either: the two together are outside what a lease promises.
	booted, slept, set time.Duration
	sleeper            bool
}

func (w *world) newMachine(name string, place int) machine {
	return machine{w: w, name: name, place: place, booted: w.now, rate: 0.99 + 0.02*w.r.Float64(), sleeper: w.chance(0.5)}
}

// clock reads the machine's clocks.
func (m *machine) clock() journal.Instant {
	local := time.Duration(float64(m.w.now-m.booted) * m.rate)
	return journal.Instant{Mono: local - m.slept, Wall: time.Hour + m.booted + local + m.set}
}

// wall is the machine's idea of the time of day.
func (m *machine) wall() time.Time { return time.Unix(0, int64(m.clock().Wall)) }

// after has something happen on a machine, once it runs.
func (w *world) after(m *machine, d time.Duration, do func()) {
	w.seq++
	w.queue.push(event{w.now + d, w.seq, m, do})
}

// run lets things happen until the time is over or the guarantee is broken.
func (w *world) run(until time.Duration) {
	for w.check.violation == nil && len(w.queue) > 0 && w.queue[0].at <= until {
		e := w.queue.pop()
		w.now = e.at
		if e.on != nil {
			switch {
			case e.on.dead:
				continue
			case e.on.paused > w.now:
				w.seq++
				e.at, e.seq = e.on.paused, w.seq
				w.queue.push(e)
				continue
			}
		}
		w.Events++
		e.do()
	}
	w.now = max(w.now, until)
}

func (w *world) chance(p float64) bool { return w.r.Float64() < p }

// between is a duration from a up to b.
func (w *world) between(a, b time.Duration) time.Duration {
	return a + time.Duration(w.r.Int64N(int64(b-a)+1))
}

// gap is for how long a process does not get on, for no reason that it knows.
func (w *world) gap() time.Duration {
	if !w.chance(w.hard.gaps) {
		return 0
	}
	return w.between(0, 300*time.Millisecond)
}

// delay is how long a message is under way.
func (w *world) delay() time.Duration {
	if w.chance(w.hard.late) {
		return w.between(0, w.hard.slowest)
	}
	return w.between(time.Millisecond, 40*time.Millisecond)
}

// send carries something to a machine; it may be late, lost, or come twice.
func (w *world) send(from, to *machine, do func()) {
	if w.lost(from, to) {
		return
	}
	w.after(to, w.delay(), do)
	if w.chance(w.hard.repeat) {
		w.Repeated++
		w.after(to, w.delay(), do)
	}
}

func (w *world) lost(from, to *machine) bool {
	if w.cut[from.place][to.place] > w.now || w.chance(w.hard.loss) {
		w.Lost++
		return true
	}
	return false
}

// call asks another machine. The request may be carried out twice, or although no
// answer comes: failed is called where there is none in time.
func (w *world) call(from, to *machine, timeout time.Duration, carryOut func(answer func(func())), failed func()) {
	done := false
	once := func(f func()) func() {
		return func() {
			if !done {
				done = true
				f()
			}
		}
	}
	if to.dead {
		w.after(from, w.delay(), once(failed))
		return
	}
	w.send(from, to, func() {
		carryOut(func(f func()) { w.send(to, from, once(f)) })
	})
	w.after(from, timeout, once(failed))
}

// tell adds a line to the trace.
func (w *world) tell(who, format string, args ...any) {
	if w.trace != nil {
		w.trace(fmt.Sprintf("%9.3fs %-10s ", w.now.Seconds(), who) + fmt.Sprintf(format, args...))
	}
}
