package quickjs

import "context"

// snapshot is the memory of an instance at rest. Whatever a run leaves behind, the next one
// begins with exactly this.
type snapshot struct {
	handles
	pages uint32
	// units are what the memory is made of, nil where it is zero. Those of a program that
	// its engine's own memory has as well are the same slices.
	units [][]byte
}

// snapshotUnit is what is compared, and copied, at once.
const snapshotUnit = 4 << 10

// snapshot takes the memory; base is one that much of it may be equal to. The stack is not
// in it: nothing is on it at rest.
func (i *Instance) snapshot(base *snapshot) (*snapshot, error) {
	whole, ok := i.memory.Read(0, i.size()*pageSize)
	if !ok {
		return nil, errOutOfMemory
	}
	s := &snapshot{handles: i.handles, pages: i.size(), units: make([][]byte, len(whole)/snapshotUnit)}
	zero := string(make([]byte, snapshotUnit))
	for n := range s.units {
		at := n * snapshotUnit
		unit := whole[at : at+snapshotUnit]
		switch {
		case i.engine.metered.onStack(uint32(at)) || string(unit) == zero:
		case base != nil && n < len(base.units) && string(base.units[n]) == string(unit):
			s.units[n] = base.units[n]
		default:
			s.units[n] = append([]byte(nil), unit...)
		}
	}
	return s, nil
}

// onStack reports whether an address is on the stack.
func (m *metered) onStack(at uint32) bool { return at >= m.stackEnd && at < m.stackTop }

// restore makes an instance with the memory of a snapshot.
func (e *Engine) restore(ctx context.Context, s *snapshot) (*Instance, error) {
	i, err := e.instantiate(ctx)
	if err != nil {
		return nil, err
	}
	if have := i.memory.Size() / pageSize; have < s.pages {
		if _, ok := i.memory.Grow(s.pages - have); !ok {
			i.Close()
			return nil, errOutOfMemory
		}
	}
	i.home = s
	i.reset()
	return i, nil
}

// redZone is how far below the stack's pointer a function that calls no other may write
// without moving it.
const redZone = 128

// reset makes the memory what it was in the snapshot. All that the engine can write to is
// looked at, but for the stack below where it ever was.
func (i *Instance) reset() {
	s, m := i.home, &i.engine.metered
	whole, _ := i.memory.Read(0, i.memory.Size())
	var zero [snapshotUnit]byte
	for n, unit := range s.units {
		at := n * snapshotUnit
		if m.onStack(uint32(at)) {
			continue
		}
		now := whole[at : at+snapshotUnit]
		switch {
		case unit == nil:
			if string(now) != string(zero[:]) {
				clear(now)
			}
		case string(now) != string(unit):
			copy(now, unit)
		}
	}
	low := max(min(uint32(i.low.Get()), m.stackTop), m.stackEnd+redZone) - redZone
	clear(whole[low:m.stackTop])
	clear(whole[s.pages*pageSize : max(s.pages, i.size())*pageSize])
	i.handles = s.handles
	i.low.Set(uint64(m.stackTop))
	i.stack.Set(uint64(m.stackTop))
	i.pages.Set(uint64(s.pages))
}

// Bytes is how much memory an instance has.
func (i *Instance) Bytes() int { return int(i.memory.Size()) }

// size is how many pages of its memory the engine has.
func (i *Instance) size() uint32 { return min(uint32(i.pages.Get()), i.memory.Size()/pageSize) }
