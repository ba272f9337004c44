package index

// Policy decides what to evict. It knows a record by a small number, its id, which is used again once the record is
// gone, so what it keeps of each can lie in arrays. Everything but Use is called under one lock.
type Policy interface {
	// Add takes a record in. Hash tells records apart over time, ids do not. Mark is 0 for a new record, and what Mark
	// returned before the last stop for one that was kept over it; those come in the order they were stored.
	Add(id uint32, hash uint64, size int64, mark uint8)
	// Resize changes the size of a record that is in.
	Resize(id uint32, size int64)
	// Use is told of every hit, by any number of readers at once. It must not lock. It may come late, for an id that
	// was given back or belongs to another record by now.
	Use(id uint32)
	// Mark returns what is worth keeping of a record over a stop, in its lower seven bits.
	Mark(id uint32) uint8
	// Remove forgets a record; it does nothing for one that is not in.
	Remove(id uint32)
	// Victim takes the next record to go out of the policy. False if none is in.
	Victim() (id uint32, ok bool)
}
