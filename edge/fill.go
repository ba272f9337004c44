package edge

import (
	"errors"
	"io"

	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/compression"
	"github.com/warmfront/warmfront/edge/message"
)

// fillBody brings in the body of what a flight brought.
func (e *Edge) fillBody(f *flight, resp *message.Response) {
	if f.fill != nil {
		e.fillSlices(f.object, f.fill, resp)
		return
	}
	e.fillWhole(f.object, resp)
}

// breakOff ends the body of what a flight brought before all of it is there.
func (e *Edge) breakOff(f *flight, err error) {
	o := f.object
	if o == nil || o.Body == nil {
		return
	}
	e.store.Remove(o)
	if f.fill != nil {
		f.fill.Finish(err)
		return
	}
	o.Body.Finish(err)
}

// resizeStep is how much a body of unknown size grows before it is counted again.
const resizeStep = 1 << 20

// fillWhole brings an object's body in. It goes on when no viewer is left: who asks
// next finds it. A body that turns out too large to store goes on only as long
// as somebody reads it.
func (e *Edge) fillWhole(o *cache.Object, resp *message.Response) {
	defer resp.Close()
	err := e.copyBody(o, resp.Body)
	o.Body.Finish(err)
	if err != nil {
		e.store.Remove(o)
		e.cfg.Logger.Debug("body broke off", "key", o.Key, "err", err)
		return
	}
	e.store.Resize(o)
}

func (e *Edge) copyBody(o *cache.Object, from io.Reader) error {
	var size, counted int64
	overflowed := false
	for o.Length < 0 || size < o.Length {
		buf, err := o.Body.Buffer(e.ctx)
		if err != nil {
			return err
		}
		n, err := from.Read(buf)
		o.Body.Commit(n)
		size += int64(n)
		switch {
		case errors.Is(err, io.EOF) && size < o.Length:
			return io.ErrUnexpectedEOF
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case !overflowed && size > e.store.MaxObject():
			e.store.Remove(o)
			o.Body.Overflow(e.store.MaxObject())
			overflowed = true
		case size-counted >= resizeStep && o.Length < 0:
			e.store.Resize(o)
			counted = size
		}
	}
	return nil
}

// fillSlices brings the body of a response into an object that is kept in slices.
func (e *Edge) fillSlices(o *cache.Object, fill *cache.Fill, resp *message.Response) {
	defer resp.Close()
	_, end := fill.Range()
	err := e.fillFrom(fill, resp.Body, end)
	e.filled(o, err)
	if err != nil && o.Fragment {
		e.store.Remove(o)
	}
}

// filled logs what broke off.
func (e *Edge) filled(o *cache.Object, err error) {
	if err != nil {
		e.cfg.Logger.Debug("body broke off", "key", o.Key, "err", err)
	}
}

// fillFrom brings what from has, which is to end at the offset end.
func (e *Edge) fillFrom(fill *cache.Fill, from io.Reader, end int64) error {
	for {
		buf, err := fill.Buffer(e.ctx)
		if err != nil {
			fill.Finish(err)
			return nil
		}
		n, err := from.Read(buf)
		fill.Commit(n)
		if err == nil {
			continue
		}
		if at, _ := fill.Range(); at >= end && errors.Is(err, io.EOF) {
			err = nil
		} else if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		fill.Finish(err)
		return err
	}
}

// encodersFor is how many bodies are compressed at one time beside a cache of so
// many bytes: encoders take megabytes too.
func encodersFor(memory int64) int { return int(min(max(memory>>22, 32), 256)) }

// compress has an answer of the origin that came whole compressed, if it is to be,
// on its way to all who read it. It reports whether it did, and what the origin
// calls the answer if that was changed. What would be stored, but is too large to
// be kept in one piece, stays as it is.
func (e *Edge) compress(f *flight, resp *message.Response, stored bool) (originTag string, compressed bool) {
	if f.answer.Compressed { // by a tier: as if it had been here
		resp.Length = -1
		return f.answer.OriginTag, true
	}
	encoding := compression.Choose(compression.Answer{
		Compress: f.behavior.Compress, MaxTTL: f.behavior.Cache.MaxTTL, Accepted: f.encoding,
		Status: resp.Status, Header: resp.Header, Length: resp.Length,
	})
	if encoding == compression.Identity || stored && resp.Length > e.store.MaxObject() {
		return "", false
	}
	if hasBody(f, resp) {
		body := e.encoders.Body(encoding, resp.Body, resp.Length)
		if body == nil {
			return "", false
		}
		resp.Body = body
	}
	resp.Length = -1
	return compression.Label(&resp.Header, encoding), true
}
