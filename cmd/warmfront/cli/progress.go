package cli

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

// Progress shows, on one line of a terminal, how many nodes have acknowledged
// the journal's head, who is missing and when its lease ends. Where stderr is
// not a terminal it says nothing.
type Progress struct {
	w     io.Writer
	what  string
	start time.Time
	shown bool
}

// NewProgress shows what is waited for, what, on w.
func NewProgress(w io.Writer, what string) *Progress {
	if !IsTerminal(w) {
		w = io.Discard
	}
	return &Progress{w: w, what: what, start: time.Now()}
}

// IsTerminal reports whether w is a terminal.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// PollInterval is how often who waits asks again.
const PollInterval = 100 * time.Millisecond

// Tick waits a moment, then draws the line anew.
func (p *Progress) Tick(ctx context.Context, c *Client) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(PollInterval):
	}
	if p.w == io.Discard {
		return nil
	}
	var nodes operator.Nodes
	if err := c.Operator(ctx, "GET", "/warmfront/v1/nodes", nil, &nodes); err != nil {
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
	text := fmt.Sprintf("%s %d of %d nodes", Meter(acked, total), acked, total)
	if len(missing) > 3 {
		missing = append(missing[:3], "…")
	}
	if len(missing) > 0 {
		text += "; waiting for " + strings.Join(missing, ", ")
	}
	return text
}

// Meter is "[#####-----]".
func Meter(done, total int) string {
	const width = 24
	full := width
	if total > 0 {
		full = width * done / total
	}
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", width-full) + "]"
}

// Done ends the line, if there is one.
func (p *Progress) Done() {
	if p.shown {
		_, _ = fmt.Fprintf(p.w, "\r\033[K%s: done in %s\n", p.what, time.Since(p.start).Round(10*time.Millisecond))
	}
}
