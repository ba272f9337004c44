// Package s3fifo decides what a disk cache evicts, by S3-FIFO (Yang et al., SOSP 2023) counted in bytes. It keeps its
// queues in arrays, by the small numbers that its user knows records by, and promises to take 20 bytes a record and 8
// to 16 for each ghost, of which there are no more than records.
//
// A record is added when it is stored, used on every hit, which only counts, and comes back out of Victim when room is
// wanted and its turn has come.
package s3fifo

import "sync/atomic"

// Policy is S3-FIFO by bytes: what is new enters a small queue of a tenth of the capacity; what was used more than once there moves on to the main queue, the rest leaves, and its hash is remembered
// for as many evictions as there are records in main. What is stored again in that time enters main at once. In main a
// record's uses, counted up to three, each spare it one round.
//
// Use may be called by any number of goroutines at once; everything else by one at a time.
type Policy struct {
	smallest int64 // bytes that the small queue may hold
	small    queue
	main     queue
	ghosts   ghosts
	// nodes grows by whole chunks, and a list once published is not changed, so that Use may read it without a lock.
	nodes atomic.Pointer[[]*[nodeChunk]node]
}

const (
	nodeChunk = 1024
	sizeUnit  = 64 // of node.size, in bytes
	maxUses   = 3

	usesBits  = 0b0011
	inSmall   = 0b0100
	inMain    = 0b1000
	queueBits = inSmall | inMain
)

type node struct {
	newer, older uint32 // id+1; 0: none
	size         uint32 // in sizeUnit
	hash         uint32
	state        atomic.Uint32 // usesBits, and the queue it is in; Use changes it at any time
}

type queue struct {
	newest, oldest uint32 // id+1; 0: none
	count          int
	units          int64
}

// New makes a policy for a store of capacity bytes.
func New(capacity int64) *Policy {
	p := &Policy{smallest: capacity / 10}
	p.nodes.Store(&[]*[nodeChunk]node{})
	return p
}

// node returns the node of id, nil if there never was one.
func (p *Policy) node(id uint32) *node {
	chunks := *p.nodes.Load()
	if int(id/nodeChunk) >= len(chunks) || chunks[id/nodeChunk] == nil {
		return nil
	}
	return &chunks[id/nodeChunk][id%nodeChunk]
}

func units(size int64) uint32 { return uint32(min((size+sizeUnit-1)/sizeUnit, 1<<32-1)) }

// Add takes a record in, by its id, which is used again once the record is gone; hash tells it from others over time.
// Mark is 0, or what Mark returned of a record that is added again, oldest first, after a stop.
func (p *Policy) Add(id uint32, hash uint64, size int64, mark uint8) {
	p.Remove(id)
	if p.node(id) == nil {
		chunks := append([]*[nodeChunk]node(nil), *p.nodes.Load()...)
		for len(chunks) <= int(id/nodeChunk) {
			chunks = append(chunks, nil)
		}
		chunks[id/nodeChunk] = new([nodeChunk]node)
		p.nodes.Store(&chunks)
	}
	n := p.node(id)
	n.size, n.hash = units(size), uint32(hash>>32)
	n.state.Store(uint32(mark) & usesBits)
	if p.ghosts.take(n.hash, p.memory()) || mark&inMain != 0 {
		p.push(&p.main, inMain, id)
	} else {
		p.push(&p.small, inSmall, id)
	}
}

// memory is for how many evictions a ghost is remembered.
func (p *Policy) memory() int { return max(p.main.count, p.small.count) }

// Resize changes the size of a record that is in.
func (p *Policy) Resize(id uint32, size int64) {
	if q := p.queueOf(id); q != nil {
		n := p.node(id)
		q.units += int64(units(size)) - int64(n.size)
		n.size = units(size)
	}
}

// Use counts a hit. It may come late, for a record that is gone. A count that another changes at the same moment may
// be lost.
func (p *Policy) Use(id uint32) {
	if n := p.node(id); n != nil {
		if s := n.state.Load(); s&usesBits < maxUses && s&queueBits != 0 {
			n.state.CompareAndSwap(s, s+1)
		}
	}
}

// Mark returns a record's queue and uses.
func (p *Policy) Mark(id uint32) uint8 {
	if n := p.node(id); n != nil {
		return uint8(n.state.Load())
	}
	return 0
}

// Remove forgets a record, if it is in.
func (p *Policy) Remove(id uint32) {
	if q := p.queueOf(id); q != nil {
		p.unlink(q, id)
		p.node(id).state.Store(0)
	}
}

// Victim takes out the next record to go; false if there is none.
func (p *Policy) Victim() (uint32, bool) {
	for {
		switch {
		case p.small.count > 0 && (p.main.count == 0 || p.small.units*sizeUnit >= p.smallest):
			id := p.small.oldest - 1
			n := p.node(id)
			p.unlink(&p.small, id)
			if n.state.Load()&usesBits > 1 {
				n.state.Store(0)
				p.push(&p.main, inMain, id)
				continue
			}
			n.state.Store(0)
			p.ghosts.add(n.hash, p.memory())
			return id, true
		case p.main.count > 0:
			id := p.main.oldest - 1
			n := p.node(id)
			p.unlink(&p.main, id)
			uses := n.state.Load() & usesBits
			if uses == 0 {
				n.state.Store(0)
				return id, true
			}
			n.state.Store(uses - 1)
			p.push(&p.main, inMain, id)
		default:
			return 0, false
		}
	}
}

func (p *Policy) queueOf(id uint32) *queue {
	if n := p.node(id); n != nil {
		switch n.state.Load() & queueBits {
		case inSmall:
			return &p.small
		case inMain:
			return &p.main
		}
	}
	return nil
}

// push puts a record at the new end of a queue, with the uses it has.
func (p *Policy) push(q *queue, name, id uint32) {
	n := p.node(id)
	n.newer, n.older = 0, q.newest
	if q.newest != 0 {
		p.node(q.newest - 1).newer = id + 1
	} else {
		q.oldest = id + 1
	}
	q.newest = id + 1
	q.count++
	q.units += int64(n.size)
	n.state.Store(n.state.Load()&usesBits | name)
}

func (p *Policy) unlink(q *queue, id uint32) {
	n := p.node(id)
	if n.newer != 0 {
		p.node(n.newer - 1).older = n.older
	} else {
		q.newest = n.older
	}
	if n.older != 0 {
		p.node(n.older - 1).newer = n.newer
	} else {
		q.oldest = n.newer
	}
	q.count--
	q.units -= int64(n.size)
}

// ghosts remembers the hashes of what was evicted from the small queue, each with the count of evictions then. It is a
// table of buckets of four, in which the oldest gives way, so a few are forgotten early; and two records whose hashes
// agree in 32 bits are taken for one. Both only cost a record its better or worse place.
type ghosts struct {
	slots []uint64 // hash<<32 | clock; 0: empty
	clock uint32
}

const bucket = 4

func (g *ghosts) bucket(hash uint32) []uint64 {
	i := int(hash) & (len(g.slots) - 1) &^ (bucket - 1)
	return g.slots[i : i+bucket]
}

func (g *ghosts) add(hash uint32, memory int) {
	for len(g.slots) < max(memory, 16*bucket) {
		g.grow()
	}
	g.clock++
	g.insert(uint64(hash)<<32 | uint64(g.clock))
}

func (g *ghosts) insert(slot uint64) {
	b := g.bucket(uint32(slot >> 32))
	oldest := 0
	for i, s := range b {
		if s == 0 || s>>32 == slot>>32 {
			oldest = i
			break
		}
		if g.clock-uint32(s) > g.clock-uint32(b[oldest]) {
			oldest = i
		}
	}
	b[oldest] = slot
}

func (g *ghosts) grow() {
	old := g.slots
	g.slots = make([]uint64, max(2*len(old), 16*bucket))
	for _, s := range old {
		if s != 0 {
			g.insert(s)
		}
	}
}

// take reports whether hash was among the last memory evictions, and forgets it.
func (g *ghosts) take(hash uint32, memory int) bool {
	if len(g.slots) == 0 {
		return false
	}
	b := g.bucket(hash)
	for i, s := range b {
		if s != 0 && uint32(s>>32) == hash {
			b[i] = 0
			return int(g.clock-uint32(s)) < memory
		}
	}
	return false
}
