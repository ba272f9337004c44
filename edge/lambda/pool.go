package lambda

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// pool runs a command in up to most processes, each of which has one event at a time.
type pool struct {
	arn, path string
	most      int
	log       *slog.Logger

	mu     sync.Mutex
	idle   []*process
	all    map[*process]bool
	starts backoff
	closed bool
}

func newPool(arn, path string, most int, log *slog.Logger) *pool {
	return &pool{arn: arn, path: path, most: most, log: log, all: map[*process]bool{}}
}

func (p *pool) invoke(ctx context.Context, event []byte, within time.Duration) ([]byte, error) {
	q, err := p.take(time.Now())
	if err != nil {
		return nil, err
	}
	said, err := q.invoke(ctx, event, within)
	p.giveBack(q, err, time.Now())
	return said, err
}

// take returns a process that waits for an event, a new one if none does.
func (p *pool) take(now time.Time) (*process, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 && !p.closed {
		q := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if q.alive() {
			return q, nil
		}
		delete(p.all, q)
	}
	if len(p.all) >= p.most || p.closed {
		return nil, &Fault{503, LimitExceeded, fmt.Sprintf("%d events are with the function's processes already", p.most)}
	}
	if wait := p.starts.wait(now); wait > 0 {
		return nil, &Fault{503, ExecutionError, fmt.Sprintf("the function's process could not be started %d times in a row, and is not tried again for %s; the last time: %s",
			p.starts.failures, wait.Round(time.Millisecond), p.starts.why)}
	}
	q, err := start(p.arn, p.path, p.log)
	if err != nil {
		p.starts.failed(err.Error(), now)
		return nil, &Fault{503, ExecutionError, err.Error()}
	}
	p.all[q] = true
	return q, nil
}

// giveBack takes a process back once it has had an event, which came to err.
func (p *pool) giveBack(q *process, err error, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if q.started() {
		p.starts = backoff{}
	} else if err != nil {
		p.starts.failed(err.Error(), now)
	}
	if q.alive() && !p.closed {
		p.idle = append(p.idle, q)
		return
	}
	delete(p.all, q)
}

// close ends all processes, and waits until they have.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for q := range p.all {
		q.kill()
	}
}

// backoff says when a command that does not start is tried again: at once after the first
// failure, then after a tenth of a second, and each time after twice as long, ten seconds
// at most. A process that has asked for an event once has started.
type backoff struct {
	failures int
	why      string
	until    time.Time
}

const (
	firstWait = 100 * time.Millisecond
	longest   = 10 * time.Second
)

func (b *backoff) failed(why string, now time.Time) {
	b.failures++
	b.why = why
	if b.failures > 1 {
		b.until = now.Add(min(firstWait<<min(b.failures-2, 16), longest))
	}
}

// wait is how long nothing is to be started yet.
func (b *backoff) wait(now time.Time) time.Duration { return max(0, b.until.Sub(now)) }
