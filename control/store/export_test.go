package store

// Woken returns the store of a control that has led in a reign and has heard of
// no other.
func Woken(e *Etcd, reign int64) *Etcd {
	w := &Etcd{client: e.client, prefix: e.prefix, seal: e.seal, known: map[string]int64{}}
	w.reign.Store(reign)
	return w
}
