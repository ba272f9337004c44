package edge

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/reuse"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

// Large objects are stored in slices, and only what is asked for is fetched
// (developer guide, "How CloudFront processes partial requests for an object":
// more than was asked for may be). An origin is trusted to speak of one version
// where a strong validator says so (rule Q).

// partAsked is the Range of the fetch for a request that asks for a part of
// something of which nothing is known; false if it is to be fetched whole. It is
// of whole slices, so that what comes serves others too. Under RFC 9111 it is the
// viewer's own.
func (x *exchange) partAsked() (string, bool) {
	if x.Request.Method != "GET" || !x.Request.Header.Has("Range") {
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
	return byteRange(from, end), true
}

// largestAsked is how much is asked for at once.
const largestAsked = 32 * cache.SliceSize

func byteRange(from, end int64) string {
	return "bytes=" + strconv.FormatInt(from, 10) + "-" + strconv.FormatInt(end-1, 10)
}

// takePart makes of a 206 that was asked for the 200 that it is a part of, and
// returns which part. What is no part is its own whole.
func takePart(f *flight, resp *message.Response) (rfc9111.Part, bool) {
	whole := rfc9111.Part{Length: max(0, resp.Length), Size: resp.Length}
	if resp.Status != 206 || !f.ranged {
		return whole, false
	}
	part, ok := rfc9111.PartOf(resp.Header, resp.Length)
	if !ok || part.Length == 0 {
		return whole, false
	}
	resp.Status = 200
	resp.Header.Del("Content-Range")
	return part, part.Size < 0 || part.Length < part.Size
}

// undoPart makes the 206 again that takePart was given.
func undoPart(resp *message.Response, contentRange string) {
	resp.Status = 206
	resp.Header.Set("Content-Range", contentRange)
}

func hasBody(f *flight, resp *message.Response) bool {
	return f.request.Method != "HEAD" && resp.Body != nil && resp.Status != 204
}

// bodyFor returns an empty body to keep a response's in: in slices where only a
// part came or it is too large for one piece, and parts can be asked for. Nil if
// it cannot be kept.
func (e *Edge) bodyFor(f *flight, resp *message.Response, part rfc9111.Part, partial, compressed bool) *cache.Body {
	verifiable := !compressed && rfc9111.StrongValidator(resp.Header) != "" && !strings.EqualFold(resp.Header.Get("Accept-Ranges"), "none")
	switch {
	case !hasBody(f, resp):
		return nil
	case partial && part.Size >= 0 && (verifiable || f.strict()) && part.Size <= maxSliced:
		return cache.NewSliced(part.Size)
	case partial:
		return nil
	case resp.Length > cache.SliceSize && verifiable && resp.Length <= maxSliced:
		return cache.NewSliced(resp.Length)
	case resp.Length > e.store.MaxObject():
		return nil
	}
	return cache.NewBody(resp.Length)
}

// maxSliced is the size of the largest object that is cached (developer guide,
// "Quotas").
const maxSliced = 50 << 30

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
	f, o, e := x.fetch(), x.serving, x.edge
	f.get() // what is read may be the answer to a POST, which is not to be sent twice
	e.fetches.Start(func() { e.bring(&f, o, fill) }, fill.Finish)
}

var errChanged = errors.New("the origin has another version of the object by now")

// bring asks the origin for what a Fill lacks of an object.
func (e *Edge) bring(f *fetch, o *cache.Object, fill *cache.Fill) {
	from, end := fill.Range()
	validator := rfc9111.StrongValidator(o.Header)
	if validator == "" || o.Compressed {
		e.changed(o, fill) // nothing can be asked for that fits what is here
		return
	}
	resp, _, err := e.forward(f, nil, func(h *message.Header) {
		h.Set("Range", byteRange(from, end))
		h.Set("If-Range", validator)
	})
	if err != nil {
		fill.Finish(err)
		return
	}
	defer resp.Close()
	switch part, ok := rfc9111.PartOf(resp.Header, resp.Length); {
	case resp.Status >= 500:
		fill.Finish(&brokenOff{resp.Status})
	case !reuse.SameObject(o, resp.Header, resp.Status == 206):
		e.changed(o, fill)
	case resp.Status == 206 && ok && part.First == from && part.Size == o.Length:
		// It may be less than was asked for: who reads on asks again.
		e.filled(o, e.fillFrom(fill, resp.Body, min(end, part.First+part.Length)))
	case resp.Status == 200 && resp.Length == o.Length:
		// It ignores ranges: what comes before is read and let go.
		if _, err := io.CopyN(io.Discard, resp.Body, from); err != nil {
			fill.Finish(err)
			return
		}
		e.filled(o, e.fillFrom(fill, resp.Body, end))
	default:
		e.changed(o, fill)
	}
}

// changed says that an object is not what the origin has any more: nobody is to
// get a mixture of the two.
func (e *Edge) changed(o *cache.Object, fill *cache.Fill) {
	o.Body.Fail(errChanged)
	e.store.Remove(o)
	fill.Finish(errChanged)
}

// brokenOff is why a body ends early: the origin failed when asked for the rest.
type brokenOff struct{ status int }

func (b *brokenOff) Status() int      { return 502 }
func (b *brokenOff) Sentence() string { return "The origin could not give the rest of the object." }

func (b *brokenOff) Error() string {
	return "the origin answered with " + strconv.Itoa(b.status) + " when asked for the rest"
}
