package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/operator"
)

// progress shows, on one line of a terminal, how many nodes have acknowledged
// the journal's head, who is missing and when its lease ends. Where stderr is
// not a terminal it says nothing.
type progress struct {
	w     io.Writer
	what  string
	start time.Time
	shown bool
}

func newProgress(w io.Writer, what string) *progress {
	if !isTerminal(w) {
		w = io.Discard
	}
	return &progress{w: w, what: what, start: time.Now()}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

const pollInterval = 100 * time.Millisecond

// tick waits a moment, then draws the line anew.
func (p *progress) tick(ctx context.Context, c *client) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pollInterval):
	}
	if p.w == io.Discard {
		return nil
	}
	var nodes operator.Nodes
	if err := c.operator(ctx, "GET", "/warmfront/v1/nodes", nil, &nodes); err != nil {
		return err
	}
	p.shown = true
	_, err := fmt.Fprintf(p.w, "\r\033[K%s %s", p.what, bar(nodes))
	return err
}

// bar is "[#####-----] 10 of 12 edges; waiting for NRT-1 (lease ends in 4s)".
func bar(nodes operator.Nodes) string {
	var total, acked int
	var missing []string
	for _, n := range nodes.Nodes {
		if n.Role != cdn.RoleEdge && n.Role != cdn.RoleRouter {
			continue
		}
		total++
		switch {
		case !n.Applied.Before(nodes.Head):
			acked++
		case n.LeaseLeft > 0:
			missing = append(missing, fmt.Sprintf("%s (lease ends in %s)", n.ID, n.LeaseLeft.Round(time.Second)))
		}
	}
	text := fmt.Sprintf("%s %d of %d nodes", meter(acked, total), acked, total)
	if len(missing) > 3 {
		missing = append(missing[:3], "…")
	}
	if len(missing) > 0 {
		text += "; waiting for " + strings.Join(missing, ", ")
	}
	return text
}

// meter is "[#####-----]".
func meter(done, total int) string {
	const width = 24
	full := width
	if total > 0 {
		full = width * done / total
	}
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", width-full) + "]"
}

func (p *progress) done() {
	if p.shown {
		_, _ = fmt.Fprintf(p.w, "\r\033[K%s: done in %s\n", p.what, time.Since(p.start).Round(10*time.Millisecond))
	}
}
