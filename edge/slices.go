package edge

import (
	"strings"

	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/fetch"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

// partAsked is the Range of the fetch for a request that asks for a part of
// something of which nothing is known; false if it is to be fetched whole. It is
// of whole slices, so that what comes serves others too. Under RFC 9111 it is the
// viewer's own.
func (x *exchange) partAsked() (string, bool) {
	if x.Request.Method != "GET" || !x.Request.Header.Has("Range") || x.Behavior.Lambdas.OriginResponse != nil { // which may replace the whole
		return "", false
	}
	value := x.Request.Header.Joined("Range")
	first, last, ok := rfc9111.FirstRange(value)
	switch {
	case !ok, x.Strict() && strings.Contains(value, ","):
		return "", false
	case x.Strict():
		return strings.Clone(value), true
	case first < 0: // the end of it, and where that is nobody knows yet
		first, last = 0, 0
	case first < cache.SliceSize && last < 0:
		return "", false
	}
	from := first / cache.SliceSize * cache.SliceSize
	end := from + largestAsked
	if last >= 0 {
		end = min(end, (last/cache.SliceSize+1)*cache.SliceSize)
	}
	return fetch.ByteRange(from, end), true
}

// largestAsked is how much is asked for at once.
const largestAsked = 32 * cache.SliceSize

// lacks reports whether an object is a fragment that does not hold what the request
// asks for.
func (x *exchange) lacks(o *cache.Object) bool {
	if !o.Fragment {
		return false
	}
	want := rfc9111.Range{Length: o.Length}
	if r, status := rfc9111.ParseRange(x.Request.Header, o.Header, o.Length); status == 206 {
		want = r
	}
	return !o.Body.Has(want.Offset, want.Length)
}

// Bring implements cache.Source for the object that the request is answered with.
func (x *exchange) Bring(fill *cache.Fill) {
	f := x.fetch()
	f.Get() // what is read may be the answer to a POST, which is not to be sent twice
	x.edge.fetcher.Supply(&f, x.serving, fill)
}
