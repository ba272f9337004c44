package explore

import (
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// origin is all origins, on one machine. Each has a version of each item; a
// distribution's has what is newest, and only rises.
type origin struct {
	machine
	newest   []int64        // of each item
	versions [][]int64      // of each origin, by item
	current  map[string]int // each distribution's origin, as the journal has it
	named    int            // how many origins there are, or will be
	down     time.Duration  // until then nobody reaches it
}

// response is what an origin, or a tier, answers a fetch with.
type response struct {
	status int
	header message.Header
	// version is what is in each slice, or the first of them.
	versions [2]int64
	private  bool
	// above is 1 + the origin that vouches for it by the configuration of the tier
	// that gave it, 0 where none did.
	above int
}

// originTimeout is how long an answer is waited for.
const originTimeout = 6 * time.Second

// published has the origin have something newer.
func (w *world) published(i int) {
	o := &w.origin
	o.newest[i]++
	o.versions[o.current[w.items[i].distribution]][i] = o.newest[i]
	w.tell("origin", "has %s in version %d", w.items[i].key, o.newest[i])
}

// moved has a distribution be given another origin, which has everything in a newer
// version. What the one before has stays as it was.
func (w *world) moved(distribution string, to int) {
	o := &w.origin
	for len(o.versions) <= to {
		o.versions = append(o.versions, make([]int64, len(w.items)))
	}
	o.current[distribution] = to
	for i, it := range w.items {
		if it.distribution == distribution {
			w.published(i)
		}
	}
}

// has is what each origin has of an item.
func (o *origin) has(item int) []int64 {
	all := make([]int64, len(o.versions))
	for n, versions := range o.versions {
		all[n] = versions[item]
	}
	return all
}

// asking is what an origin or a tier is asked for.
type asking struct {
	item    int
	variant int
	origin  int
	uris    []string
	parts   []int
	// match is the version that is stored, 0 for none: of which a confirmation is
	// asked, or another part.
	match int64
	part  bool
}

// askOrigin asks the origin; then is called once, with nil where there is no answer.
// The origin looks at what it has at some time between the two.
func (w *world) askOrigin(p *process, a asking, then func(*response)) {
	if w.origin.down > w.now {
		w.after(&p.machine, w.delay(), func() { then(nil) })
		return
	}
	think := func() time.Duration {
		if w.chance(w.hard.slowOrigin) {
			return w.between(0, 8*time.Second)
		}
		return w.between(0, 5*time.Millisecond)
	}
	w.call(&p.machine, &w.origin.machine, originTimeout, func(answer func(func())) {
		w.after(&w.origin.machine, think(), func() {
			r := w.origin.answer(w, a)
			w.OriginReads++
			w.after(&w.origin.machine, think(), func() { answer(func() { then(r) }) })
		})
	}, func() { then(nil) })
}

func (o *origin) answer(w *world, a asking) *response {
	v := o.versions[a.origin][a.item]
	r := &response{status: 200, header: etag(v), versions: [2]int64{v, v}}
	switch {
	case w.chance(0.02):
		return &response{status: 503, versions: [2]int64{v, v}, private: true}
	case w.items[a.item].fails && v%3 == 0:
		r.status = 404
	case a.part && a.match == v:
		r.status = 206
	case !a.part && a.match == v:
		r.status = 304
	case w.chance(0.02):
		r.private = true
	}
	return r
}
