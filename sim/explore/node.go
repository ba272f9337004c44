package explore

import (
	"errors"
	"fmt"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/collapse"
	"github.com/warmfront/warmfront/journal"
	"github.com/warmfront/warmfront/journal/mutant"
)

var errNotLeader = errors.New("another control leads")

func broken(r mutant.Rule) bool { return mutant.Breaks(r) }

// node is one that is registered. Its processes come and go, and more than one may
// live at a time: the one that was replaced may be cut off and not know.
type node struct {
	id        string
	place     int
	upper     bool
	disk      *disk
	older     *disk // a copy to put back
	processes []*process
}

// current is the process that was started last.
func (n *node) current() *process { return n.processes[len(n.processes)-1] }

// disk is what outlasts a process: the journal's folder and the cache's.
type disk struct {
	folder
	objects map[slot]*stored
}

// folder is the journal's.
type folder struct {
	state       *cdn.State
	seen        journal.Term
	incarnation uint64
}

func (d *disk) clone() *disk {
	c := &disk{folder: d.folder, objects: make(map[slot]*stored, len(d.objects))}
	for k, o := range d.objects {
		c.objects[k] = o
	}
	return c
}

// process is one run of a node: control's client and the edge.
type process struct {
	machine
	n    *node
	disk *disk

	follower    *journal.Follower
	state       *cdn.State
	lease       journal.Lease
	incarnation uint64 // 0 until it has joined
	// address is the control that is called, leaseAddress the one for leases.
	address, leaseAddress int
	stream                *stream
	heard                 time.Duration // when the stream brought something
	opening               bool
	calling, again        bool
	saving                bool
	relayed               []*stream

	order   uint64
	memory  map[slot]*stored
	lone    map[string]time.Duration
	flights *collapse.Group[*flight]
	resting time.Duration // until when the upper tier is left alone
}

// start starts a node's process from a disk.
func (w *world) start(n *node, d *disk) {
	p := &process{
		machine: w.newMachine(fmt.Sprintf("%s/%d", n.id, len(n.processes)+1), n.place), n: n, disk: d,
		follower: journal.NewFollower(d.state, d.seen), state: d.state, address: w.r.IntN(len(w.controls)),
		memory: map[slot]*stored{}, lone: map[string]time.Duration{}, flights: collapse.NewGroup[*flight](),
	}
	p.leaseAddress, p.lease = p.address, p.follower.Lease()
	n.processes = append(n.processes, p)
	w.tell(p.name, "starts at %v with %d objects", p.state.Version, len(d.objects))
	p.join()
	p.renew()
	p.watch()
}

// callTimeout is for everything that control answers at once.
const callTimeout = 5 * time.Second

// control is the one that an address stands for.
func (p *process) control(address int) *control { return p.w.controls[address%len(p.w.controls)] }

// join asks controls in turn to admit the node.
func (p *process) join() {
	w, c := p.w, p.control(p.address)
	retry := func() {
		p.address++
		w.after(&p.machine, w.between(50*time.Millisecond, time.Second), p.join)
	}
	w.call(&p.machine, &c.machine, callTimeout, func(answer func(func())) {
		c.join(p.n.id, p.disk.incarnation, func(incarnation uint64) {
			answer(func() {
				p.incarnation, p.disk.incarnation, p.leaseAddress = incarnation, incarnation, p.address
				w.tell(p.name, "has joined as incarnation %d", incarnation)
				p.open()
				p.call()
			})
		})
	}, retry)
}

// step takes an event and does what the follower says.
func (p *process) step(e journal.Event) {
	for _, a := range p.follower.Step(e) {
		switch a := a.(type) {
		case journal.Publish:
			if a.State.Version.Before(p.state.Version) {
				p.w.violated(Forward, "%s went back from %v to %v", p.name, p.state.Version, a.State.Version)
			}
			p.state = a.State
			p.w.tell(p.name, "applies %v", p.state.Version)
			p.saveLater()
			if r, ok := e.(journal.Received); ok {
				p.passOn(r.Frame)
			}
		case journal.Acknowledge:
			p.call()
		case journal.Renewed:
			p.lease = a.Lease
		case journal.Fetch:
			p.reopen()
		case journal.Recheck:
			p.w.after(&p.machine, a.In, func() { p.step(journal.Rechecked{}) })
		case journal.Refuse:
			p.address++
			p.reopen()
		}
	}
}

// saveLater writes the state to the disk after a while.
func (p *process) saveLater() {
	if p.saving {
		return
	}
	p.saving = true
	p.w.after(&p.machine, 2*time.Second, func() {
		p.saving = false
		p.disk.state, p.disk.seen = p.follower.State(), p.follower.Seen()
	})
}

// open opens a stream, from control or now and then from another node.
func (p *process) open() {
	w := p.w
	if p.opening || p.incarnation == 0 || p.follower.Stopped() != nil {
		return
	}
	p.opening = true
	after := p.follower.Applied()
	c := p.control(p.address)
	from, serve := &c.machine, func() *stream { return c.serve(p, after) }
	if w.hard.relays && w.chance(0.3) {
		if q := w.nodes[w.r.IntN(len(w.nodes))].current(); q.n != p.n {
			from, serve = &q.machine, func() *stream { return q.relay(p, after) }
		}
	}
	opened := func(s *stream) {
		p.opening = false
		if s == nil {
			p.address++
			w.after(&p.machine, w.between(20*time.Millisecond, time.Second), p.open)
		}
	}
	w.call(&p.machine, from, callTimeout, func(answer func(func())) {
		s := serve()
		if s != nil {
			if p.stream != nil {
				p.stream.ended = true
			}
			p.stream, p.heard = s, w.now // as far as the sender knows
		}
		answer(func() { opened(s) })
	}, func() { opened(nil) })
}

// reopen leaves the stream for another.
func (p *process) reopen() {
	if p.stream != nil {
		p.stream.ended = true
		p.stream = nil
		p.step(journal.StreamLost{})
	}
	p.w.after(&p.machine, 20*time.Millisecond, p.open)
}

// lost says that a stream has ended.
func (p *process) lost(s *stream) {
	if p.stream == s {
		p.reopen()
	}
}

// frame takes what a stream brings.
func (p *process) frame(s *stream, f journal.Frame) {
	if p.stream != s || p.follower.Stopped() != nil {
		return
	}
	p.heard = p.w.now
	p.step(journal.Received{Frame: f, At: p.clock()})
}

// watch leaves a stream that is silent for too long.
func (p *process) watch() {
	if p.incarnation != 0 && !p.opening && (p.stream == nil || p.w.now-p.heard > 3*terms().Renewal()) {
		p.reopen()
	}
	p.w.after(&p.machine, time.Second, p.watch)
}

// renew renews the lease every quarter of it.
func (p *process) renew() {
	p.call()
	p.w.after(&p.machine, terms().Renewal(), p.renew)
}

// call makes a lease call, one at a time.
func (p *process) call() {
	w := p.w
	if p.calling {
		p.again = true
		return
	}
	if p.incarnation == 0 || !p.follower.Synced() {
		return
	}
	p.calling, p.again = true, false
	r := journal.LeaseRequest{Incarnation: p.incarnation, Applied: p.follower.Applied(), Seen: p.follower.Seen()}
	sent := p.clock()
	c := p.control(p.leaseAddress)
	failed := func() {
		p.calling = false
		p.leaseAddress++
		w.after(&p.machine, w.between(50*time.Millisecond, time.Second), p.call)
	}
	w.call(&p.machine, &c.machine, callTimeout, func(answer func(func())) {
		a, err := c.lease(p.n.id, r)
		answer(func() {
			switch {
			case errors.Is(err, journal.ErrSuperseded):
				w.tell(p.name, "is superseded")
				p.calling = false
				p.step(journal.Released{})
			case err != nil:
				failed()
			default:
				p.answered(sent, a)
			}
		})
	}, failed)
}

func (p *process) answered(sent journal.Instant, a journal.LeaseAnswer) {
	p.calling = false
	p.step(journal.Answered{Sent: sent, At: p.clock(), Answer: a})
	p.w.Leases++
	if p.again {
		p.call()
	}
}
