package edge

import ()

import "github.com/warmfront/warmfront/journal"

// Disk says which folder the edge keeps what it stores in, and how far that is: what
// control is to remember of it. The zero Disk where there is none.
func (e *Edge) Disk() journal.Disk {
	if e.disk == nil {
		return journal.Disk{}
	}
	return journal.Disk{Folder: e.disk.Incarnation(), Mark: e.disk.Mark()}
}

// Joined says that the node has joined a journal, what control remembers of its
// folder, and whether control knows that an older copy of the node's own storage was
// put back. It is called before the node has its lease: whoever has read a lease
// that runs reads the doubt that is noted here (O).
func (e *Edge) Joined(name string, known journal.Disk, rolledBack bool) error {
	order := uint64(0)
	if before := *e.journal.Swap(&name); before != "" && before != name {
		// In this order: a fetch that begins meanwhile for a request that went by the
		// old journal either has a place up to order, or sees that everything is
		// doubted, and has no birth.
		e.store.DoubtAll()
		order = e.fetcher.Arrive()
	}
	return e.store.Joined(name, known.Mark, rolledBack || e.Disk().Older(known), order)
}
