package distribution

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cmd/warmfront/cli"
	"github.com/warmfront/warmfront/control/operator"
)

// invalidation asks control how far an invalidation is.
func (c *client) invalidation(ctx context.Context, distribution, id string) (inv operator.Invalidation, err error) {
	path := "/warmfront/v1/distributions/" + url.PathEscape(distribution) + "/invalidations/" + url.PathEscape(id)
	return inv, c.Operator(ctx, http.MethodGet, path, nil, &inv)
}

// waitCompleted shows on w how far an invalidation is until it is Completed. The
// invalidation goes on whatever ends the wait, and the error says how to look again.
func (c *client) waitCompleted(ctx context.Context, w *watch, distribution, id string, timeout time.Duration) error {
	waiting, cancel := ctx, func() {}
	if timeout > 0 {
		waiting, cancel = context.WithTimeout(ctx, timeout)
	}
	defer cancel()
	tick := time.NewTicker(cli.PollInterval)
	defer tick.Stop()
	var last operator.Invalidation
	for {
		inv, err := c.invalidation(waiting, distribution, id)
		if err == nil {
			last, err = inv, w.show(inv)
		}
		if err == nil && last.Status == operator.Completed {
			return w.done(last)
		}
		if err == nil {
			select {
			case <-waiting.Done():
				err = waiting.Err()
			case <-tick.C:
				continue
			}
		}
		w.end()
		again := fmt.Sprintf("%s goes on; look again with `warmfront invalidations get %s %s`", id, distribution, id)
		switch {
		case ctx.Err() != nil:
			return errors.New("interrupted: " + again)
		case waiting.Err() != nil:
			return fmt.Errorf("%s is not Completed after %v%s; %s", id, timeout, waitsFor(last), again)
		}
		return fmt.Errorf("%w (%s)", err, again)
	}
}

// watch shows how far an invalidation is: on a terminal as one line that is drawn
// anew, elsewhere as a line, or a JSON document, for each change.
type watch struct {
	w          io.Writer
	live, json bool
	start      time.Time
	said       string // what the last line was about
	hinted     map[string]bool
	drawn      bool
}

func newWatch(w io.Writer, asJSON bool) *watch {
	return &watch{w: w, live: cli.IsTerminal(w) && !asJSON, json: asJSON, start: time.Now(), hinted: map[string]bool{}}
}

func (s *watch) show(inv operator.Invalidation) error {
	if s.live {
		text := ""
		for _, hint := range s.hints(inv) {
			text += hint + "\n"
		}
		line := fmt.Sprintf("%s %s %s", inv.ID, cli.Meter(inv.Acknowledged, inv.Edges), progressOf(inv))
		if text == "" && line == s.said {
			return nil
		}
		// Without wrapping: a line that wraps cannot be drawn anew.
		_, err := fmt.Fprintf(s.w, "\r\033[K%s\033[?7l%s\033[?7h", text, line)
		s.said, s.drawn = line, true
		return err
	}
	about := aboutOf(inv)
	if about == s.said {
		return nil
	}
	s.said = about
	if s.json {
		return json.NewEncoder(s.w).Encode(inv)
	}
	if inv.Status == operator.Completed {
		return nil // done says so
	}
	if _, err := fmt.Fprintf(s.w, "%s: %s\n", inv.ID, progressOf(inv)); err != nil {
		return err
	}
	for _, hint := range s.hints(inv) {
		if _, err := fmt.Fprintln(s.w, hint); err != nil {
			return err
		}
	}
	return nil
}

// done says that the invalidation is Completed.
func (s *watch) done(inv operator.Invalidation) error {
	if s.json {
		return nil
	}
	s.clear()
	_, err := fmt.Fprintf(s.w, "%s: Completed in %v%s\n", inv.ID, time.Since(s.start).Round(10*time.Millisecond), fencedOf(inv))
	return err
}

// end leaves what was drawn last to be read.
func (s *watch) end() {
	if s.drawn {
		_, _ = fmt.Fprintln(s.w)
		s.drawn = false
	}
}

func (s *watch) clear() {
	if s.drawn {
		_, _ = io.WriteString(s.w, "\r\033[K")
		s.drawn = false
	}
}

// hints says, once for each node, what to do about those that no time will do for.
func (s *watch) hints(inv operator.Invalidation) (hints []string) {
	for _, w := range inv.Waiting {
		if isLost(w) && !s.hinted[w.Node] {
			s.hinted[w.Node] = true
			hints = append(hints, hint(inv, w))
		}
	}
	return hints
}

// isLost reports whether a node is waited for without an end, and is out of touch:
// its lease has ended.
func isLost(w operator.Waiting) bool { return w.Endless && w.LeaseLeft <= 0 }

func hint(inv operator.Invalidation, w operator.Waiting) string {
	who := w.Node
	if w.Replaced {
		who = "an earlier process of " + w.Node
	}
	return fmt.Sprintf("%s may be serving %s without a lease, as it is to be when isolated. If it will not come back: warmfront nodes forget %s",
		who, inv.Distribution, w.Node)
}

// aboutOf is what there is to say of an invalidation but for the time, which
// changes with every look.
func aboutOf(inv operator.Invalidation) string {
	inv.QuietLeft, inv.EndsWithin = min(inv.QuietLeft, 1), nil
	waiting := append([]operator.Waiting(nil), inv.Waiting...)
	for i := range waiting {
		waiting[i].LeaseLeft = min(waiting[i].LeaseLeft, 1)
	}
	inv.Waiting = waiting
	return fmt.Sprint(inv)
}

// progressOf is "2 of 3 edges have it; waiting for NRT-1 (lease ends in 4s)".
func progressOf(inv operator.Invalidation) string {
	return fmt.Sprintf("%d of %d edges have it%s%s", inv.Acknowledged, inv.Edges, waitsFor(inv), fencedOf(inv))
}

// maxNamed is how many nodes a line names.
const maxNamed = 4

func waitsFor(inv operator.Invalidation) string {
	var who []string
	for _, w := range inv.Waiting {
		who = append(who, waitOf(w))
	}
	text := ""
	if len(who) > 0 {
		text = "; waiting for " + abridge(who)
	}
	if inv.QuietLeft > 0 {
		text += fmt.Sprintf("; control has started anew and waits for leases from before (%s)", seconds(inv.QuietLeft))
	}
	if inv.EndsWithin != nil && len(inv.Waiting) > 1 {
		text += fmt.Sprintf("; at most %s more", seconds(*inv.EndsWithin))
	}
	return text
}

func waitOf(w operator.Waiting) string {
	node := w.Node
	if w.Replaced {
		node += ", an earlier process"
	}
	switch {
	case isLost(w):
		return node + " (serves without a lease: no end)"
	case w.Endless:
		return fmt.Sprintf("%s (lease ends in %s, then it serves without one)", node, seconds(w.LeaseLeft))
	case w.LeaseLeft > 0:
		return fmt.Sprintf("%s (lease ends in %s)", node, seconds(w.LeaseLeft))
	}
	return node
}

func fencedOf(inv operator.Invalidation) string {
	if len(inv.Fenced) == 0 {
		return ""
	}
	return "; not waiting for " + abridge(inv.Fenced) + " (fenced: without a lease)"
}

func abridge(names []string) string {
	if len(names) > maxNamed {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), len(names)-maxNamed)
	}
	return strings.Join(names, ", ")
}

// seconds rounds up: what has not ended is never said to end in 0 s.
func seconds(d time.Duration) time.Duration { return (d + time.Second - 1).Truncate(time.Second) }
