package reuse

import (
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

func v(epoch, number uint64) cdn.Version { return cdn.Version{Epoch: epoch, Number: number} }

func ordered(o *cache.Object, order uint64) *cache.Object {
	o.Order = order
	return o
}

func recorded(o *cache.Object, number uint64) *cache.Object {
	o.Recorded = number
	return o
}

func TestDecide(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	object := func(birth cdn.Version, age time.Duration) *cache.Object {
		return &cache.Object{Birth: birth, Received: now.Add(-age), Lifetime: rfc9111.Lifetime{
			Fresh: time.Minute, WhileRevalidate: time.Minute, OnFailure: time.Hour, Unreachable: time.Hour}}
	}
	fresh, stale, old := time.Second, 90*time.Second, time.Hour
	for _, c := range []struct {
		name   string
		object *cache.Object
		facts  Facts
		want   Action
		stale  bool // whether it may be served if the origin fails
	}{
		{"nothing", nil, Facts{Leased: true}, Fetch, false},
		{"fresh", object(v(1, 5), fresh), Facts{Leased: true, Applied: v(1, 9)}, Serve, true},
		{"stale, within the window", object(v(1, 5), stale), Facts{Leased: true, Applied: v(1, 9)}, Refresh, true},
		{"stale", object(v(1, 5), old), Facts{Leased: true, Applied: v(1, 9)}, Confirm, true},
		{"invalidated after its birth", object(v(1, 5), fresh), Facts{Leased: true, Applied: v(1, 9), Newest: v(1, 6)}, Fetch, false},
		{"invalidated at its birth: the fetch began with it applied", object(v(1, 5), fresh), Facts{Leased: true, Applied: v(1, 9), Newest: v(1, 5)}, Serve, true},
		{"invalidated and stale within the window", object(v(1, 5), stale), Facts{Leased: true, Applied: v(1, 9), Newest: v(1, 6)}, Fetch, false},
		{"without a lease, but asked for after the request arrived", ordered(object(v(1, 5), fresh), 7), Facts{Arrived: 6, Applied: v(1, 9)}, Serve, false},
		{"without a lease, asked for before the request arrived", ordered(object(v(1, 5), fresh), 5), Facts{Arrived: 6, Applied: v(1, 9)}, Confirm, false},
		{"asked for after the request arrived, but a tier had it from before the invalidation", ordered(object(v(1, 5), fresh), 7), Facts{Arrived: 6, Leased: true, Applied: v(1, 9), Newest: v(1, 6)}, Fetch, false},
		{"without a lease, asked for after the request arrived by another URI", ordered(object(v(1, 5), fresh), 7), Facts{Arrived: 6, Applied: v(1, 9), URIs: []string{"/b"}}, Confirm, false},
		{"without a lease", object(v(1, 5), fresh), Facts{Applied: v(1, 9)}, Confirm, false},
		{"without a lease, stale within the window", object(v(1, 5), stale), Facts{Applied: v(1, 9)}, Confirm, false},
		{"older than the floor", object(v(1, 5), fresh), Facts{Leased: true, Applied: v(1, 9), Newest: v(1, 6), Floor: v(1, 6)}, Confirm, false},
		{"of an older epoch", object(v(1, 5), fresh), Facts{Leased: true, Applied: v(2, 1)}, Confirm, false},
		{"recalled: read from a disk that was put back", recorded(object(v(1, 5), fresh), 7), Facts{Leased: true, Applied: v(1, 9), Doubt: cache.Doubt{Recorded: 7}}, Confirm, false},
		{"recalled, stale within the window", recorded(object(v(1, 5), stale), 7), Facts{Leased: true, Applied: v(1, 9), Doubt: cache.Doubt{Recorded: 7}}, Confirm, false},
		{"recalled and invalidated", recorded(object(v(1, 5), fresh), 7), Facts{Leased: true, Applied: v(1, 9), Newest: v(1, 6), Doubt: cache.Doubt{Recorded: 7}}, Fetch, false},
		{"recorded after that", recorded(object(v(1, 5), fresh), 8), Facts{Leased: true, Applied: v(1, 9), Doubt: cache.Doubt{Recorded: 7}}, Serve, true},
		{"fetched since", ordered(object(v(1, 5), fresh), 3), Facts{Arrived: 4, Leased: true, Applied: v(1, 9), Doubt: cache.Doubt{Recorded: 7}}, Serve, true},
		{"fetched by another journal", ordered(object(v(1, 5), fresh), 3), Facts{Arrived: 4, Leased: true, Applied: v(1, 9), Doubt: cache.Doubt{Order: 3}}, Confirm, false},
		{"of a newer epoch than the node now has", object(v(2, 5), fresh), Facts{Leased: true, Applied: v(1, 9)}, Confirm, false},
	} {
		c.facts.Now = now
		if got, _ := Decide(c.object, c.facts); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if c.object != nil && MayServeStale(c.object, c.facts) != c.stale {
			t.Errorf("%s: may be served stale: %v", c.name, !c.stale)
		}
	}
}

func TestMayJoin(t *testing.T) {
	for _, c := range []struct {
		name  string
		begun Begun
		facts Facts
		want  bool
	}{
		{"began before, no invalidation", Begun{1, v(1, 5)}, Facts{Arrived: 2, Leased: true, Applied: v(1, 5)}, true},
		{"J: began before the invalidation", Begun{1, v(1, 5)}, Facts{Arrived: 2, Leased: true, Applied: v(1, 6), Newest: v(1, 6)}, false},
		{"J: began with it applied", Begun{1, v(1, 6)}, Facts{Arrived: 2, Leased: true, Applied: v(1, 7), Newest: v(1, 6)}, true},
		{"K: without a lease, began before", Begun{1, v(1, 5)}, Facts{Arrived: 2, Applied: v(1, 5)}, false},
		{"K: without a lease, begins after", Begun{3, v(1, 5)}, Facts{Arrived: 2, Applied: v(1, 5)}, true},
		{"began after, by an older state than the invalidation", Begun{3, v(1, 5)}, Facts{Arrived: 2, Applied: v(1, 6), Newest: v(1, 6)}, false},
		{"O: began by another journal", Begun{1, v(1, 5)}, Facts{Arrived: 2, Leased: true, Applied: v(1, 5), Doubt: cache.Doubt{Order: 1}}, false},
		{"O: began after it", Begun{2, v(1, 5)}, Facts{Arrived: 2, Leased: true, Applied: v(1, 5), Doubt: cache.Doubt{Order: 1}}, true},
		{"another epoch", Begun{1, v(1, 5)}, Facts{Arrived: 2, Leased: true, Applied: v(2, 1)}, false},
	} {
		if got := MayJoin(c.begun, c.facts); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
