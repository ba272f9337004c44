package edge

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/warmfront/warmfront/edge/byteranges"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/fetch"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/result"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

// roomForOwnFields is how many header fields an answer gets beside the object's.
const roomForOwnFields = 10

// hit answers with what was stored; nil if its first bytes are there no more.
func (x *exchange) hit(ctx context.Context, o *cache.Object) *message.Response {
	x.done.Hit, x.done.Type = true, result.Hit
	x.done.TTL = o.TimeToLive(x.start)
	return x.fromObject(ctx, o, x.start)
}

// fetched answers with what a flight brought, which was first made for this request
// or is another's.
func (x *exchange) fetched(ctx context.Context, f *fetch.Flight, first bool) *message.Response {
	x.done.Hit, x.done.Type = false, result.Above(f.Above())
	if f.Confirmed {
		x.done.Type = result.RefreshHit
	}
	now := x.edge.now()
	x.done.Status, x.done.Stored, x.done.TTL = f.Status, f.Kept, f.Object.TimeToLive(now)
	if f.Partial && x.Strict() && first {
		return x.asItCame(ctx, f, now)
	}
	return x.fromObject(ctx, f.Object, now)
}

// asItCame hands on the part of an object that the origin sent when it was asked
// for the viewer's own range.
func (x *exchange) asItCame(ctx context.Context, f *fetch.Flight, now time.Time) *message.Response {
	resp := x.begin(f.Object, now)
	resp.Status, resp.Length = 206, f.Part.Length
	resp.Header.Set("Content-Range", f.ContentRange)
	x.serving = f.Object
	f.Object.Body.OpenFrom(ctx, &x.reader, f.Part.First, f.Part.Length, x)
	resp.Body, resp.Live = &x.reader, true
	return resp
}

// begin makes an answer of an object, still without its body.
func (x *exchange) begin(o *cache.Object, now time.Time) *message.Response {
	x.done.From = o
	x.fields = append(x.fields[:0], o.Header...)
	x.answer = message.Response{Status: o.Status, Header: x.fields, Length: o.Length}
	if s := o.Ahead - x.ahead; s != 0 && !x.Relayed { // edges that ask know it by the Age
		rfc9111.ShiftDates(x.answer.Header, s, x.real())
	}
	if x.done.Hit || x.done.Type != result.Miss || o.InitialAge >= time.Second || o.Header.Has("Age") {
		x.answer.Header.Set("Age", x.seconds(o.Age(now)))
	}
	return &x.answer
}

// fromObject cuts an answer from an object to the viewer's conditions and range.
func (x *exchange) fromObject(ctx context.Context, o *cache.Object, now time.Time) *message.Response {
	if o.Failure != "" {
		f := fault{o.Status, o.Failure}
		if !x.leased {
			f.status = 504
		}
		return x.errorPage(f)
	}
	resp := x.begin(o, now)
	if o.Status >= 400 {
		x.done.Type = result.Error
	}
	part := rfc9111.Range{Length: -1}
	if o.Status == 200 && (x.Request.Method == "GET" || x.Request.Method == "HEAD") {
		x.ranges = x.cut(resp, o, x.ranges[:0])
		switch {
		case len(x.ranges) == 1:
			part = x.ranges[0]
		case len(x.ranges) > 1:
			x.manyRanges(ctx, resp, o)
			return resp
		}
	}
	if x.Request.Method == "HEAD" || o.Body == nil || resp.Status == 304 || resp.Status == 412 || resp.Status == 416 {
		return resp
	}
	missing := (x.done.Hit || x.done.Collapsed) && !o.Body.Has(max(0, part.Offset), 1)
	if missing && x.done.Hit {
		x.done.Hit, x.done.Type, x.done.Forward = false, result.Miss, "partial"
	}
	x.serving = o
	if !o.Body.OpenFrom(ctx, &x.reader, part.Offset, part.Length, x) {
		return nil
	}
	if missing {
		// Nothing has been promised yet: it is waited for, and if it does not come
		// that is said, or the object fetched anew.
		if err := x.reader.Ready(); err != nil {
			_ = x.reader.Close()
			if o.Body.Failed() {
				return nil
			}
			return x.failed(err)
		}
	}
	if o.Length < 0 && part.Length < 0 && o.Body.Complete() {
		resp.Length = o.Body.Size()
	}
	resp.Live = !o.Body.Complete()
	resp.Body = &x.reader
	return resp
}

// manyRanges makes an answer one of several ranges.
func (x *exchange) manyRanges(ctx context.Context, resp *message.Response, o *cache.Object) {
	x.serving = o
	boundary := strings.TrimRight(x.id, "=") // nobody can have guessed it
	body, length := byteranges.New(byteranges.Object{
		Type: o.Header.Get("Content-Type"), Size: fetch.Size(o), Open: func(offset, length int64) byteranges.Part {
			if !o.Body.OpenFrom(ctx, &x.reader, offset, length, x) {
				return nil
			}
			return &x.reader
		},
	}, x.ranges, boundary)
	resp.Status, resp.Length, resp.Body, resp.Live = 206, length, body, o.Body.Sliced()
	resp.Header.Set("Content-Type", "multipart/byteranges; boundary="+boundary)
}

// seconds writes a number of whole seconds.
func (x *exchange) seconds(d time.Duration) string {
	return x.text.End(strconv.AppendInt(x.text.Begin(), int64(d/time.Second), 10))
}

// cut applies the viewer's conditions and range to a 200 (RFC 9110 sections 13.2
// and 14.2) and returns the ranges that are to be sent; none for all of it.
func (x *exchange) cut(resp *message.Response, o *cache.Object, ranges []rfc9111.Range) []rfc9111.Range {
	v := x.Request.Header
	switch rfc9111.Evaluate(v, o.Header, o.Received) {
	case 304:
		resp.Status, resp.Length = 304, -1
		for _, name := range [...]string{"Content-Type", "Content-Encoding", "Content-Language", "Content-Range"} {
			resp.Header.Del(name)
		}
		return nil
	case 412:
		resp.Status, resp.Length = 412, 0
		resp.Header.Del("Content-Type")
		resp.Header.Del("Content-Encoding")
		return nil
	}
	size := fetch.Size(o)
	if x.Request.Method != "GET" || size < 0 || o.Body == nil || !v.Has("Range") {
		return nil
	}
	ranges, status := rfc9111.ParseRanges(ranges, v, o.Header, size)
	switch {
	case status == 206 && len(ranges) == 1:
		resp.Status, resp.Length = 206, ranges[0].Length
		resp.Header.Set("Content-Range", ranges[0].ContentRange(size))
		return ranges
	case status == 206:
		return ranges
	case status == 416:
		resp.Status, resp.Length = 416, 0
		resp.Header.Set("Content-Range", "bytes */"+strconv.FormatInt(size, 10))
		resp.Header.Del("Content-Type")
		resp.Header.Del("Content-Encoding")
		x.done.Type = result.Error
	}
	return nil
}
