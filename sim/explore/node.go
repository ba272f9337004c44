package explore

import (
	"errors"
	"fmt"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/collapse"
	"github.com/warmfront/warmfront/edge/tier"
	"github.com/warmfront/warmfront/journal"
)

var errNotLeader = errors.New("another control leads")

// node is one that is registered. Its processes come and go, and more than one may
// live at a time: the one that was replaced may be cut off and not know.
type node struct {
	id        string
	place     int
	level     tier.Level
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
	// side is a neighbour's stream, detour when there is to be one.
	side        *stream
	sideOpening bool
	detour      journal.Detour
	session     int // how often the process has joined
	// left is set once another process has joined as the node, or this one stops.
	left, stopping bool
	asked          int // requests under way
	calling, again bool
	saving         bool
	relayed        []*stream

	order   uint64
	memory  map[slot]*stored
	lone    map[string]time.Duration
	flights *collapse.Group[*flight]
	resting [2]time.Duration // until when an upper tier is left alone
}

// start starts a node's process from a disk.
func (w *world) start(n *node, d *disk) {
	p := &process{
		machine: w.newMachine(fmt.Sprintf("%s/%d", n.id, len(n.processes)+1), n.place), n: n, disk: d,
		follower: journal.NewFollower(d.state, d.seen), state: d.state, address: w.r.IntN(len(w.controls)),
		memory: map[slot]*stored{}, lone: map[string]time.Duration{}, flights: collapse.NewGroup[*flight](),
	}
	p.leaseAddress, p.lease = p.address, p.follower.Lease()
	p.detour = journal.NewDetour(p.clock(), w.r.Float64())
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
	if p.left {
		return
	}
	p.session++
	session := p.session
	retry := func() {
		p.address++
		w.after(&p.machine, w.between(50*time.Millisecond, time.Second), p.join)
	}
	p.incarnation = 0
	p.step(journal.Joining{}) // control takes the process before for ended
	w.call(&p.machine, &c.machine, callTimeout, func(answer func(func())) {
		c.join(p.n.id, p.disk.incarnation, func(incarnation uint64) {
			answer(func() {
				switch {
				case p.left || session != p.session:
					return
				case incarnation == 0:
					retry()
					return
				}
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
		case journal.Stop:
			p.w.violated(Works, "%s cannot follow: %v", p.name, a.Err)
		case journal.Refuse:
			p.w.tell(p.name, "refuses: %v", a.Err)
			if r, ok := e.(journal.Received); ok && r.Relayed {
				p.leaveSide()
				break
			}
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
		p.save()
	})
}

func (p *process) save() { p.disk.state, p.disk.seen = p.follower.State(), p.follower.Seen() }

// open opens control's stream.
func (p *process) open() {
	w := p.w
	if p.opening || p.incarnation == 0 || p.left || p.follower.Stopped() != nil {
		return
	}
	p.opening = true
	after := p.follower.Applied()
	c := p.control(p.address)
	opened := func(s *stream) {
		p.opening = false
		if s == nil {
			p.address++
			w.after(&p.machine, w.between(20*time.Millisecond, time.Second), p.open)
		}
	}
	w.call(&p.machine, &c.machine, callTimeout, func(answer func(func())) {
		if c.leads && !c.knows(p.n.id) {
			answer(func() {
				p.opening = false
				p.join()
			})
			return
		}
		s := c.serve(p, after)
		if s != nil {
			if p.stream != nil {
				p.stream.ended = true
			}
			p.stream, p.heard = s, w.now // as far as the sender knows
		}
		answer(func() { opened(s) })
	}, func() { opened(nil) })
}

// openSide follows a neighbour where control's stream is gone.
func (p *process) openSide() {
	w := p.w
	if wait, wanted := p.detour.Due(p.clock()); !w.hard.relays || !wanted || wait > 0 || p.side != nil || p.sideOpening || p.left {
		return
	}
	q := w.nodes[w.r.IntN(len(w.nodes))].current()
	if q.n == p.n {
		return
	}
	p.sideOpening = true
	after := p.follower.Applied()
	opened := func() { p.sideOpening = false }
	w.call(&p.machine, &q.machine, callTimeout, func(answer func(func())) {
		if s := q.relay(p, after); s != nil {
			p.side = s
		}
		answer(opened)
	}, opened)
}

// leaveSide leaves a neighbour's stream.
func (p *process) leaveSide() {
	if p.side != nil {
		p.side.ended = true
		p.side = nil
		p.step(journal.StreamLost{Relayed: true})
	}
}

// reopen leaves control's stream for another.
func (p *process) reopen() {
	if p.stream != nil {
		p.stream.ended = true
		p.stream = nil
		p.detour.Lost(p.clock(), p.w.r.Float64())
		p.step(journal.StreamLost{})
	}
	p.w.after(&p.machine, 20*time.Millisecond, p.open)
}

// lost says that a stream has ended.
func (p *process) lost(s *stream) {
	switch s {
	case p.stream:
		p.reopen()
	case p.side:
		p.leaveSide()
	}
}

// frame takes what a stream brings.
func (p *process) frame(s *stream, f journal.Frame) {
	if p.stream != s && p.side != s || p.follower.Stopped() != nil {
		return
	}
	if !s.relayed {
		p.heard = p.w.now
		p.detour.Opened()
		p.leaveSide()
	}
	p.step(journal.Received{Frame: f, At: p.clock(), Relayed: s.relayed})
}

// watch leaves a stream that is silent for too long, and looks for a neighbour's.
func (p *process) watch() {
	if p.incarnation != 0 && !p.opening && (p.stream == nil || p.w.now-p.heard > 3*terms().Renewal()) {
		p.reopen()
	}
	p.openSide()
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
	if p.incarnation == 0 || p.left || !p.follower.Synced() {
		return
	}
	p.calling, p.again = true, false
	session := p.session
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
			case session != p.session || p.left:
				p.calling = false // nobody waits for it any more
			case errors.Is(err, journal.ErrSuperseded):
				w.tell(p.name, "is superseded")
				p.calling = false
				p.leave()
				if p.n.current() == p { // and ends, and is started again
					w.restart(p.n, func() {})
				}
			case errors.Is(err, journal.ErrNotRegistered):
				w.tell(p.name, "is not registered")
				p.calling = false
				p.join()
			case err != nil:
				failed()
			default:
				p.answered(sent, a)
			}
		})
	}, failed)
}

// leave gives the lease up: the process serves nothing by it any more.
func (p *process) leave() {
	p.left = true
	p.step(journal.Released{})
	r := journal.LeaseRequest{Incarnation: p.incarnation, Applied: p.follower.Applied(), Seen: p.follower.Seen(), Release: true}
	if p.incarnation == 0 {
		return
	}
	c := p.control(p.leaseAddress)
	p.w.call(&p.machine, &c.machine, time.Second, func(answer func(func())) {
		_, _ = c.lease(p.n.id, r) // whatever it says, nobody waits for it
		answer(func() {})
	}, func() {})
}

func (p *process) answered(sent journal.Instant, a journal.LeaseAnswer) {
	p.calling = false
	p.step(journal.Answered{Sent: sent, At: p.clock(), Answer: a})
	p.w.Leases++
	if p.again {
		p.call()
	}
}
