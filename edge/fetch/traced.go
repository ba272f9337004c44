package fetch

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/warmfront/warmfront/cdn/span"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/upstream"
)

// beginAsking begins the span of asking an origin, which is part of the work's, and tells the origin of it: by fields
// that no signature covers. Where nobody traces the request stays as it is.
func beginAsking(ctx context.Context, t Target) *span.Span {
	of := span.From(ctx)
	if of == nil {
		return nil
	}
	r := t.Request
	s := of.Child(span.Start{Name: r.Method + " origin", Kind: span.Client, Attributes: []span.Attribute{
		span.String("http.request.method", r.Method), span.String("url.path", r.Path), span.String("server.address", t.Origin.Domain),
		span.String("warmfront.origin.id", t.Origin.ID),
	}})
	c := s.Context()
	r.Header.Set(span.Traceparent, c.String())
	if r.Header.Del(span.Tracestate); c.State != "" {
		r.Header.Add(span.Tracestate, c.State)
	}
	return s
}

// endAsking ends it where there is no answer, and else once the body has been read.
func endAsking(s *span.Span, resp *message.Response, err error) (*message.Response, error) {
	if s == nil {
		return resp, err
	}
	if err != nil {
		var known *upstream.Error
		if errors.As(err, &known) {
			s.Set(span.String("error.type", string(known.Reason)))
		}
		s.EndWith(err)
		return resp, err
	}
	s.Set(span.Int("http.response.status_code", resp.Status))
	failure := ""
	if resp.Status >= 400 {
		failure = "the origin answered with an error"
	}
	if resp.Body == nil || resp.Upgraded != nil {
		s.End(failure)
		return resp, nil
	}
	resp.Body = &traced{ReadCloser: resp.Body, span: s, failure: failure}
	return resp, nil
}

// traced is a body with whose end a span ends.
type traced struct {
	io.ReadCloser
	span    *span.Span
	failure string
}

func (b *traced) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && b.failure == "" {
		b.failure = err.Error()
	}
	return n, err
}

func (b *traced) Close() error {
	err := b.ReadCloser.Close()
	b.span.End(b.failure)
	return err
}

// waiter returns the span of who waits for a flight, if that is traced and it is not for whom the flight is made: of
// that one, the flight's is a part.
func (f *Flight) waiter(ctx context.Context) (*span.Span, time.Time) {
	s := span.From(ctx)
	if s == nil || s == f.Traced {
		return nil, time.Time{}
	}
	return s, time.Now()
}

// traceWait says that somebody has waited for what the flight brought: as a span that is linked to the flight's, which is
// part of another trace.
func (f *Flight) traceWait(waiter *span.Span, since time.Time) {
	waiter.Child(span.Start{Name: "wait", At: since, Links: []span.Context{f.work.Context()}}).End("")
}

// traceLanded ends the span of a flight that has brought all that it brings.
func (f *Flight) traceLanded() {
	if f.work == nil {
		return
	}
	f.work.Set(span.Bool("warmfront.stored", f.Kept), span.Bool("warmfront.confirmed", f.Confirmed), span.Bool("warmfront.stale", f.Stale))
	if f.Status != 0 {
		f.work.Set(span.Int("http.response.status_code", f.Status))
	}
	if f.FailedOver != "" {
		f.work.Set(span.String("warmfront.failover", f.FailedOver))
	}
	f.work.EndWith(f.Err)
}
