package cache

import "math"

// Doubt says which stored objects may be from before something that the node knew
// once and does not know any more, so that they are served only once the origin
// has confirmed them (rule O): its disk was put back to an older copy, or control
// has another journal than the one by which they were stored. The zero Doubt is
// none.
type Doubt struct {
	// Recorded is up to which record on the disk, Order up to which beginning of a
	// fetch at this node. What the origin has confirmed since has a place beyond.
	Recorded, Order uint64
}

// Of reports whether an object is among them.
func (d Doubt) Of(o *Object) bool {
	if o.Recorded != 0 {
		return o.Recorded <= d.Recorded
	}
	return d.OfOrder(o.Order)
}

// OfOrder reports whether what a fetch brings is among them that began then.
func (d Doubt) OfOrder(order uint64) bool { return d.Order != 0 && order <= d.Order }

// Doubt returns which of the stored objects it is of.
func (s *Store) Doubt() Doubt { return *s.doubt.Load() }

// DoubtAll doubts whatever has begun or will, until Joined is called with an order.
func (s *Store) DoubtAll() {
	s.doubt.Store(&Doubt{Recorded: s.Doubt().Recorded, Order: math.MaxUint64})
}

// Joined says that births are versions of a journal from now on; known and older
// are for the disk (disk.Store.Joined). Where order is not 0 the journal is another
// one than before, and what was begun up to then is doubted too; DoubtAll comes
// before the order is given, for this waits for the disk. Call it before the node has
// its lease.
func (s *Store) Joined(journal string, known uint64, older bool, order uint64) error {
	d := Doubt{Order: order}
	if order == 0 {
		d.Order = s.Doubt().Order
	}
	var err error
	if s.disk != nil {
		err = s.disk.Joined(journal, known, older)
		d.Recorded = s.disk.Recalled()
	}
	s.doubt.Store(&d)
	return err
}
