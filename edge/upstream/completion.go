package upstream

import (
	"context"
	"errors"
	"io"
	"time"
)

// completion is an exchange that has to be over within a time, and the body of its
// answer (belief 110).
type completion struct {
	io.ReadCloser
	ctx  context.Context
	end  context.CancelCauseFunc
	late *time.Timer
}

var errIncomplete = errors.New("the origin's answer is not complete within its response completion time-out")

// complete begins such an exchange.
func complete(ctx context.Context, within time.Duration) *completion {
	c := &completion{}
	c.ctx, c.end = context.WithCancelCause(ctx)
	c.late = time.AfterFunc(within, func() { c.end(&Error{ReadTimeout, errIncomplete}) })
	return c
}

func (c *completion) over() {
	c.late.Stop()
	c.end(nil)
}

func (c *completion) Close() error {
	err := c.ReadCloser.Close()
	c.over()
	return err
}
