// Package ratelimit decides which answers a DNS server does not send: those that
// one network is sent over and over, as the victim of a reflection attack is.
//
// How one answer goes: [Limiter.Charge] is given the network it would go to and what it
// says, and finds it within the rate, or not. Of those that are not, every Slip-th is
// sent empty and truncated: an honest resolver asks again by TCP, which proves its
// address, and an attacker gains nothing by a packet no larger than his own.
//
// It promises:
//
//   - What is charged to one network never costs another its answers: only
//     in a full table may a network be forgotten, and then it is sent more, not less.
//   - Memory is fixed when the table is made. Nothing is allocated afterwards.
//   - No clock is read: `now` is a parameter, and where it goes back, what
//     was sent later is forgotten.
package ratelimit

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"net/netip"
	"sync"
	"time"
)

// Settings say what is too much.
type Settings struct {
	// PerSecond is how many answers of one kind a network is sent in a second, for ever;
	// Burst is how many at once.
	PerSecond, Burst int
	// AllPerSecond and AllBurst are the same for answers of every kind together, and so
	// above them: a resolver that sends client subnets asks for each.
	AllPerSecond, AllBurst int
	// Slip is how many suppressed answers there are for one that is truncated; 0 for
	// no truncated ones.
	Slip int
	// V4Bits and V6Bits are how long the prefix of a network is.
	V4Bits, V6Bits int
	// Networks is how many are remembered, at least.
	Networks int
}

// Default returns what routers run with: perSecond answers of a kind, two seconds' worth
// at once, and thirty times as many of all kinds.
func Default(perSecond int) Settings {
	return Settings{
		PerSecond: perSecond, Burst: 2 * perSecond, AllPerSecond: 30 * perSecond, AllBurst: 60 * perSecond,
		Slip: 2, V4Bits: 24, V6Bits: 56, Networks: 1 << 17,
	}
}

// Verdict is what is to be done with an answer.
type Verdict int

// The verdicts.
const (
	Send Verdict = iota
	Truncate
	Drop
)

// ways is how many entries a key may be in; shards are locked one by one.
const (
	ways   = 4
	shards = 64
)

// Limiter is the table of what was sent. Its methods may be called by any
// goroutine.
type Limiter struct {
	set  Settings
	seed maphash.Seed
	// secret is unknown to those who would choose keys that collide.
	secret    [2]uint64
	all, each pace
	rows      uint64 // of a shard, a power of two
	shards    [shards]shard
}

// pace is how fast a key may be charged: one answer for each step of time, and most ahead
// of it, in nanoseconds. A step of 0 is no limit.
type pace struct{ step, most int64 }

func paceOf(perSecond, burst int) pace {
	if perSecond <= 0 {
		return pace{}
	}
	step := int64(time.Second) / int64(perSecond)
	return pace{step, step * int64(burst)}
}

type shard struct {
	mu      sync.Mutex
	entries []entry // ways for each row
}

// entry is one key's: the virtual scheduling algorithm (ITU-T I.371), by which
// a time says all.
type entry struct {
	key  uint64
	full int64 // when what was sent is paid for, in nanoseconds
	over uint8 // answers suppressed since the last truncated one
}

// New returns a limiter without entries.
func New(set Settings) *Limiter {
	seed := maphash.MakeSeed()
	l := &Limiter{
		set: set, seed: seed, secret: [2]uint64{maphash.String(seed, "first"), maphash.String(seed, "second")},
		all: paceOf(set.AllPerSecond, set.AllBurst), each: paceOf(set.PerSecond, set.Burst), rows: 1,
	}
	for int(l.rows)*ways*shards < set.Networks {
		l.rows *= 2
	}
	for i := range l.shards {
		l.shards[i].entries = make([]entry, l.rows*ways)
	}
	return l
}

// Charge says what is to be done with an answer to an address. Kind is equal for answers
// that are the same, or as good as the same to an attacker.
func (l *Limiter) Charge(to netip.Addr, kind uint64, now time.Time) Verdict {
	network := l.network(to)
	if v := l.charge(network, l.all, now.UnixNano()); v != Send {
		return v
	}
	return l.charge(l.mix(network, kind), l.each, now.UnixNano())
}

// Kind tells apart the answers that are limited each by itself: by what was asked,
// and for which subnet. Name is canonical, without the final dot.
func (l *Limiter) Kind(name []byte, qtype uint16, viewer netip.Prefix) uint64 {
	var b [8 + 2 + 1 + 16]byte
	binary.LittleEndian.PutUint64(b[:], maphash.Bytes(l.seed, name))
	binary.LittleEndian.PutUint16(b[8:], qtype)
	if !viewer.IsValid() {
		return maphash.Bytes(l.seed, b[:10])
	}
	b[10] = byte(viewer.Bits())
	a := viewer.Addr().As16()
	copy(b[11:], a[:])
	return maphash.Bytes(l.seed, b[:])
}

// network is the key of an address's network.
func (l *Limiter) network(a netip.Addr) uint64 {
	a = a.Unmap()
	bits := l.set.V4Bits + 96
	if a.Is6() {
		bits = l.set.V6Bits
	}
	b := a.As16() // an IPv4 address in the form of RFC 4291, section 2.5.5.2
	high, low := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	high &= ^uint64(0) << max(0, 64-bits)
	low &= ^uint64(0) << min(64, 128-bits)
	return l.mix(high, low)
}

// mix makes one key of two. A product with what nobody knows is all that a table needs: what
// collides in it cannot be chosen.
func (l *Limiter) mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a^l.secret[0], b^l.secret[1])
	return high ^ low
}

func (l *Limiter) charge(key uint64, p pace, now int64) Verdict {
	if p.step == 0 {
		return Send
	}
	s := &l.shards[key%shards]
	at := key / shards & (l.rows - 1) * ways
	s.mu.Lock()
	v := find(s.entries[at:at+ways], key).after(p, l.set.Slip, now)
	s.mu.Unlock()
	return v
}

// find returns a key's entry. For one that has none it is the row's that was paid for
// first: it is owed the least.
func find(row []entry, key uint64) *entry {
	oldest := &row[0]
	for i := range row {
		if row[i].key == key {
			return &row[i]
		}
		if row[i].full < oldest.full {
			oldest = &row[i]
		}
	}
	*oldest = entry{key: key}
	return oldest
}

// after takes in one more answer, unless it is too much: then it costs nothing, so that a
// network under attack is still sent as much as the rate.
func (e *entry) after(p pace, slip int, now int64) Verdict {
	if e.full > now+p.most {
		e.full = now // the clock went back
	}
	if next := max(e.full, now) + p.step; next <= now+p.most {
		e.full, e.over = next, 0
		return Send
	}
	if e.over++; slip > 0 && int(e.over) >= slip {
		e.over = 0
		return Truncate
	}
	return Drop
}
