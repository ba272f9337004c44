package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/warmfront/warmfront/control/wire"
	"github.com/warmfront/warmfront/journal"
)

// settleDown is the least time between two streams.
const settleDown = 20 * time.Millisecond

// streamLoop keeps a stream open until ctx ends or control knows the node no
// more.
func (c *Client) streamLoop(ctx context.Context) error {
	wait := backoff{controls: len(c.cfg.Control)}
	for {
		opened, err := c.readStream(ctx)
		c.lost()
		if ctx.Err() != nil {
			return nil
		}
		if fatal := outcome(err); fatal != nil {
			return fatal
		}
		if opened {
			wait.reset()
		} else {
			c.note(fmt.Errorf("the journal's stream from %s: %w", c.address(&c.next), err))
			c.next.Add(1)
		}
		if !c.pause(ctx, settleDown, nil) || !c.pause(ctx, wait.next()-settleDown, c.refetch) {
			return nil
		}
	}
}

// pause waits for d, or until wake; it returns false when ctx has ended.
func (c *Client) pause(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
		return false
	}
	return true
}

// readStream opens one stream and takes its frames until it ends. It returns
// whether it brought any.
func (c *Client) readStream(ctx context.Context) (opened bool, err error) {
	s := c.session.Load()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.mu.Lock()
	after, stopped := c.follower.Applied(), c.follower.Stopped()
	c.mu.Unlock()
	if stopped != nil {
		// Nothing that could come would be applied.
		<-ctx.Done()
		return false, stopped
	}
	// Control repeats the head every quarter lease: a stream that is silent for
	// three of those is broken, whatever TCP says.
	silence := 3 * s.answer.Terms.Renewal()
	watchdog := time.AfterFunc(max(silence, callTimeout), cancel)
	defer watchdog.Stop()

	u := "https://control" + wire.PathJournal + "?after=" + url.QueryEscape(after.String())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return false, err
	}
	req.Header.Set(wire.HeaderJournal, s.answer.Journal)
	resp, err := s.slow.RoundTrip(req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return false, readAnswer(resp, nil)
	}
	frames := json.NewDecoder(alive{resp.Body, func() { watchdog.Reset(silence) }})
	for {
		var f journal.Frame
		if err := frames.Decode(&f); err != nil {
			c.mu.Lock()
			c.stream = nil
			c.mu.Unlock()
			return opened, errors.Join(err, ctx.Err())
		}
		if !opened {
			opened = true
			c.opened(cancel)
		}
		c.step(journal.Received{Frame: f, At: c.clock(time.Now())})
	}
}

// opened says that control's stream, which end ends, has brought something.
func (c *Client) opened(end context.CancelFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stream, c.trouble = end, nil
	c.detour.Opened()
	c.leaveRelay()
	if c.detoured {
		c.detoured = false
		c.log.Info("control is followed again")
	}
}

// lost says that there is no stream of control.
func (c *Client) lost() {
	c.step(journal.StreamLost{})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.detour.Lost(c.now(), rand.Float64())
	signal(c.astray)
}

// alive calls on for every read that brought something: a snapshot may take
// longer than the silence allowed, as long as it keeps arriving.
type alive struct {
	r  io.Reader
	on func()
}

func (a alive) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	if n > 0 {
		a.on()
	}
	return n, err
}
