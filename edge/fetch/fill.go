package fetch

import (
	"errors"
	"io"

	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/compression"
	"github.com/warmfront/warmfront/edge/message"
)

// fillBody brings in the body of what a flight brought.
func (ft *Fetcher) fillBody(f *Flight, resp *message.Response) {
	if f.fill != nil {
		ft.fillSlices(f.Object, f.fill, resp)
		return
	}
	ft.fillWhole(f.Object, resp)
}

// breakOff ends the body of what a flight brought before all of it is there.
func (ft *Fetcher) breakOff(f *Flight, err error) {
	o := f.Object
	if o == nil || o.Body == nil {
		return
	}
	ft.Store.Remove(o)
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
func (ft *Fetcher) fillWhole(o *cache.Object, resp *message.Response) {
	defer resp.Close()
	err := ft.copyBody(o, resp.Body)
	o.Body.Finish(err)
	if err != nil {
		ft.Store.Remove(o)
		ft.Logger.Debug("body broke off", "key", o.Key, "err", err)
		return
	}
	ft.Store.Resize(o)
}

func (ft *Fetcher) copyBody(o *cache.Object, from io.Reader) error {
	var size, counted int64
	overflowed := false
	for o.Length < 0 || size < o.Length {
		buf, err := o.Body.Buffer(ft.ctx)
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
		case !overflowed && size > ft.Store.MaxObject():
			ft.Store.Remove(o)
			o.Body.Overflow(ft.Store.MaxObject())
			overflowed = true
		case size-counted >= resizeStep && o.Length < 0:
			ft.Store.Resize(o)
			counted = size
		}
	}
	return nil
}

// fillSlices brings the body of a response into an object that is kept in slices.
func (ft *Fetcher) fillSlices(o *cache.Object, fill *cache.Fill, resp *message.Response) {
	defer resp.Close()
	_, end := fill.Range()
	err := ft.fillFrom(fill, resp.Body, end)
	ft.filled(o, err)
	if err != nil && o.Fragment {
		ft.Store.Remove(o)
	}
}

// filled logs what broke off.
func (ft *Fetcher) filled(o *cache.Object, err error) {
	if err != nil {
		ft.Logger.Debug("body broke off", "key", o.Key, "err", err)
	}
}

// fillFrom brings what from has, which is to end at the offset end.
func (ft *Fetcher) fillFrom(fill *cache.Fill, from io.Reader, end int64) error {
	for {
		buf, err := fill.Buffer(ft.ctx)
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

// compress has an answer of the origin that came whole compressed, if it is to be,
// on its way to all who read it. It reports whether it did, and what the origin
// calls the answer if that was changed. What would be stored, but is too large to
// be kept in one piece, stays as it is.
func (ft *Fetcher) compress(f *Flight, resp *message.Response, stored bool) (originTag string, compressed bool) {
	if f.answer.Compressed { // by a tier: as if it had been here
		resp.Length = -1
		return f.answer.OriginTag, true
	}
	encoding := compression.Choose(compression.Answer{
		Compress: f.Behavior.Compress, MaxTTL: f.Behavior.Cache.MaxTTL, Accepted: f.Encoding,
		Status: resp.Status, Header: resp.Header, Length: resp.Length,
	})
	if encoding == compression.Identity || stored && resp.Length > ft.Store.MaxObject() {
		return "", false
	}
	if hasBody(f, resp) {
		body := ft.Encoders.Body(encoding, resp.Body, resp.Length)
		if body == nil {
			return "", false
		}
		resp.Body = body
	}
	resp.Length = -1
	return compression.Label(&resp.Header, encoding), true
}
