package fetch

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/warmfront/warmfront/cdn/span"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

// Large objects are stored in slices, and only what is asked for is fetched
// (developer guide, "How CloudFront processes partial requests for an object":
// more than was asked for may be). An origin is trusted to speak of one version
// where a strong validator says so (rule Q).

// ByteRange is a Range of the bytes from up to, and without, end.
func ByteRange(from, end int64) string {
	return "bytes=" + strconv.FormatInt(from, 10) + "-" + strconv.FormatInt(end-1, 10)
}

// takePart makes of a 206 that was asked for the 200 that it is a part of, and
// returns which part. What is no part is its own whole.
func takePart(f *Flight, resp *message.Response) (rfc9111.Part, bool) {
	whole := rfc9111.Part{Length: max(0, resp.Length), Size: resp.Length}
	if resp.Status != 206 || !f.Ranged {
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

func hasBody(f *Flight, resp *message.Response) bool {
	return f.Request.Method != "HEAD" && resp.Body != nil && resp.Status != 204
}

// bodyFor returns an empty body to keep a response's in: in slices where only a
// part came or it is too large for one piece, and parts can be asked for. Nil if
// it cannot be kept.
func (ft *Fetcher) bodyFor(f *Flight, resp *message.Response, part rfc9111.Part, partial, compressed bool) *cache.Body {
	verifiable := !compressed && f.strongValidator(resp.Header) != "" && !strings.EqualFold(resp.Header.Get("Accept-Ranges"), "none")
	switch {
	case !hasBody(f, resp):
		return nil
	case partial && part.Size >= 0 && (verifiable || f.Strict()) && part.Size <= maxSliced:
		return cache.NewSliced(part.Size)
	case partial:
		return nil
	case resp.Length > cache.SliceSize && verifiable && resp.Length <= maxSliced:
		return cache.NewSliced(resp.Length)
	case resp.Length > ft.Store.MaxObject():
		return nil
	}
	return cache.NewBody(resp.Length)
}

// maxSliced is the size of the largest object that is cached (developer guide,
// "Quotas").
const maxSliced = 50 << 30

// ErrChanged is why a body ends early whose object the origin has replaced.
var ErrChanged = errors.New("the origin has another version of the object by now")

// bring asks the origin for what a Fill lacks of an object.
func (ft *Fetcher) bring(f *Fetch, o *cache.Object, fill *cache.Fill) {
	from, end := fill.Range()
	f.work = f.Traced.Child(span.Start{Name: "fetch", Attributes: []span.Attribute{span.Bool("warmfront.slice", true)}})
	defer f.work.End("") // what failed of it its children say
	validator := f.strongValidator(o.Header)
	if validator == "" || o.Compressed {
		ft.changed(o, fill) // nothing can be asked for that fits what is here
		return
	}
	resp, _, err := ft.forward(f, nil, func(h *message.Header) {
		h.Set("Range", ByteRange(from, end))
		h.Set("If-Range", validator)
	})
	if err != nil {
		fill.Finish(err)
		return
	}
	defer resp.Close()
	switch part, ok := rfc9111.PartOf(resp.Header, resp.Length); {
	case resp.Status >= 500:
		fill.Finish(&BrokenOff{resp.Status})
	case !f.sameObject(o, resp):
		ft.changed(o, fill)
	case resp.Status == 206 && ok && part.First == from && part.Size == o.Length:
		// It may be less than was asked for: who reads on asks again.
		ft.filled(o, ft.fillFrom(fill, resp.Body, min(end, part.First+part.Length)))
	case resp.Status == 200 && resp.Length == o.Length:
		// It ignores ranges: what comes before is read and let go.
		if _, err := io.CopyN(io.Discard, resp.Body, from); err != nil {
			fill.Finish(err)
			return
		}
		ft.filled(o, ft.fillFrom(fill, resp.Body, end))
	default:
		ft.changed(o, fill)
	}
}

// changed says that an object is not what the origin has any more: nobody is to
// Get a mixture of the two.
func (ft *Fetcher) changed(o *cache.Object, fill *cache.Fill) {
	o.Body.Fail(ErrChanged)
	ft.Store.Remove(o)
	fill.Finish(ErrChanged)
}

// BrokenOff is why a body ends early: the origin failed when asked for the rest.
type BrokenOff struct{ status int }

func (b *BrokenOff) Status() int { return 502 }

func (b *BrokenOff) Sentence() string { return "The origin could not give the rest of the object." }

func (b *BrokenOff) Error() string {
	return "the origin answered with " + strconv.Itoa(b.status) + " when asked for the rest"
}
