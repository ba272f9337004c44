package network

import (
	"context"
	"time"

	"github.com/warmfront/warmfront/control"
	"github.com/warmfront/warmfront/control/operator"
)

// clockPatience is how long a caller is kept waiting for nodes that cannot be reached.
const clockPatience = 15 * time.Second

// clock tells a sandbox's time; nil elsewhere.
func (c *Control) clock(core *control.Control) func() operator.Clock {
	if !c.cfg.Sandbox {
		return nil
	}
	return func() operator.Clock {
		ahead := core.State().Clock().Ahead
		return operator.Clock{Now: time.Now().Add(ahead).UTC(), Ahead: ahead}
	}
}

// moveClock moves it.
func (c *Control) moveClock(core *control.Control) func(context.Context, operator.MoveClock) (operator.Clock, error) {
	if !c.cfg.Sandbox {
		return nil
	}
	return func(ctx context.Context, m operator.MoveClock) (operator.Clock, error) {
		ctx, cancel := context.WithTimeout(ctx, clockPatience)
		defer cancel()
		waiting, err := core.MoveClock(ctx, m.Advance, m.Reset)
		now := c.clock(core)()
		now.Waiting = waiting
		return now, err
	}
}
