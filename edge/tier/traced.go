package tier

import (
	"context"
	"errors"
	"io"

	"github.com/warmfront/warmfront/cdn/span"
	"github.com/warmfront/warmfront/edge/message"
)

// beginAsking begins the span of asking a tier, which is part of the work's.
func beginAsking(ctx context.Context, t Tier, r *message.Request) *span.Span {
	of := span.From(ctx)
	if of == nil {
		return nil
	}
	return of.Child(span.Start{Name: r.Method + " " + t.Level.String(), Kind: span.Client, Attributes: []span.Attribute{
		span.String("http.request.method", r.Method), span.String("url.path", r.Path), span.String("warmfront.tier.level", t.Level.String()),
		span.String("warmfront.tier.node", t.Node.ID), span.String("server.address", t.Node.Dial().String()), span.Int("server.port", t.Node.PeerPort),
	}})
}

// endAsking ends it once there is no answer, or once its body has been read.
func endAsking(s *span.Span, resp *message.Response, answer Answer, err error) {
	var passed *PassedOver
	switch {
	case s == nil:
	case errors.As(err, &passed):
		s.Set(span.String("warmfront.tier.passed_over", passed.Why))
		s.EndWith(passed.Err)
	case err != nil:
		s.EndWith(err)
	default:
		s.Set(span.Int("http.response.status_code", resp.Status), span.String("warmfront.tier.result", answer.Result))
		s.End("")
	}
}

// traced is a body at whose end something is told.
type traced struct {
	io.ReadCloser
	end func()
}

func (b *traced) Close() error {
	err := b.ReadCloser.Close()
	b.end()
	return err
}
