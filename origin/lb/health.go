package lb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// watch checks a target until it is taken away.
func (b *Balancer) watch(t *target) {
	again := time.NewTicker(b.cfg.Health.Interval)
	defer again.Stop()
	for {
		reason := b.check(t)
		if t.ctx.Err() != nil {
			return
		}
		t.mu.Lock()
		was := t.health
		t.health = was.checked(reason, b.cfg.Health)
		now, draining := t.health, t.draining
		t.mu.Unlock()
		if draining {
			return
		}
		if was.known != now.known || was.healthy != now.healthy {
			b.cfg.Logger.Info("target", "address", t.address, "healthy", now.healthy, "reason", now.reason)
		}
		select {
		case <-again.C:
		case <-t.ctx.Done():
			return
		}
	}
}

// check asks a target how it is, and says why it is not well. 200 alone is good, as
// load balancers have it unless told otherwise.
func (b *Balancer) check(t *target) string {
	ctx, cancel := context.WithTimeout(t.ctx, b.cfg.Health.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.address+b.cfg.Health.Path, nil)
	if err != nil {
		return err.Error()
	}
	r.Header.Set("User-Agent", "ELB-HealthChecker/2.0")
	r.Close = true
	resp, err := b.checks.RoundTrip(r)
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return fmt.Sprintf("no answer within %v", b.cfg.Health.Timeout)
		}
		return err.Error()
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // what it says is not looked at
	if resp.StatusCode != http.StatusOK {
		return fmt.Sprintf("%s answers %d", b.cfg.Health.Path, resp.StatusCode)
	}
	return ""
}
