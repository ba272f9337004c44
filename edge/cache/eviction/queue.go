package eviction

// queue is a list of entries in order of arrival, linked through the entries.
type queue[V any] struct {
	place          int32 // what its entries have as their place
	newest, oldest *Entry[V]
	bytes          int64
}

func (q *queue[V]) push(e *Entry[V]) {
	e.place = q.place
	e.newer, e.older = nil, q.newest
	if q.newest != nil {
		q.newest.newer = e
	} else {
		q.oldest = e
	}
	q.newest = e
	q.bytes += e.size
}

func (q *queue[V]) remove(e *Entry[V]) {
	q.link(e.older, e.newer)
	e.newer, e.older = nil, nil
	q.bytes -= e.size
}

// replace puts e, of the same size, where old is.
func (q *queue[V]) replace(old, e *Entry[V]) {
	older, newer := old.older, old.newer
	old.newer, old.older = nil, nil
	q.link(older, e)
	q.link(e, newer)
}

// link makes two entries neighbours; nil is beyond the end.
func (q *queue[V]) link(older, newer *Entry[V]) {
	if older != nil {
		older.newer = newer
	} else {
		q.oldest = newer
	}
	if newer != nil {
		newer.older = older
	} else {
		q.newest = older
	}
}

// again makes the entry the newest.
func (q *queue[V]) again(e *Entry[V]) {
	q.remove(e)
	q.push(e)
}
