package fetch

import (
	"bytes"
	"context"
	"io"
	"sync"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/reuse"
	"github.com/warmfront/warmfront/edge/tier"
)

// through asks an origin's shield for what no other tier was asked: a request that is
// passed on as it is (belief 461), or one to the second origin of a group (462). The
// error is *tier.PassedOver where the shield has not asked the origin, and the caller
// does.
func (ft *Fetcher) through(ctx context.Context, q *Question, t Target, with func(*message.Header)) (*message.Response, error) {
	up := *q.Upward
	up.Header = q.Upward.Header.Clone(roomForOwnFields)
	if with != nil {
		with(&up.Header)
	}
	if q.asks != nil {
		resp, answer, err := ft.Tiers.Do(ctx, t.Shield, q.asks(), &up)
		if err == nil && !q.take(resp, answer) {
			err = &tier.PassedOver{Why: "older"}
		}
		return resp, err
	}
	var body *kept
	if up.Body != nil {
		body = &kept{from: up.Body}
		up.Body = body
	}
	resp, _, err := ft.Tiers.Do(ctx, t.Shield, ft.passing(q), &up)
	if body == nil || !isPassedOver(err) {
		return resp, err
	}
	// The origin gets the body from its beginning.
	again := body.again()
	if again == nil {
		return nil, errBodyGone
	}
	t.Request.Body = again
	return nil, err
}

// passing says what the shield of a request must know that is passed on: the plan, no
// more. Nothing that it answers comes from a cache.
func (ft *Fetcher) passing(q *Question) tier.Ask {
	least, _ := reuse.Need(cdn.Version{}, q.Plan.Version, ft.State().Version.Epoch)
	r := q.Upward
	return tier.Ask{
		Distribution: q.Plan.ID, Behavior: q.Pattern, Rerouted: q.Rerouted, Least: least, Passing: true,
		Viewer: r.Viewer, Scheme: r.Scheme, Major: r.Major, Minor: r.Minor, ID: q.ID,
		Timeout: patience(q.Primary.Origin, q.Second),
	}
}

// bodyGone is why a request with a body cannot be made of the origin.
type bodyGone struct{}

var errBodyGone error = bodyGone{}

func (bodyGone) Error() string { return "the shield has taken more of the body than is kept" }
func (bodyGone) Status() int   { return 504 }
func (bodyGone) Sentence() string {
	return "The Origin Shield did not take the request, and its body cannot be sent again."
}

// mostKept is how much of a body is kept until it is known whether the shield takes it.
const mostKept = 64 << 10

// kept is a viewer's body whose beginning can be read a second time.
type kept struct {
	from io.Reader

	mu   sync.Mutex // held while reading: who read first may still be waiting
	head []byte
	lost bool // more was read than is kept
}

// Read implements io.Reader.
func (k *kept) Read(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	n, err := k.from.Read(p)
	if k.lost = k.lost || len(k.head)+n > mostKept; k.lost {
		k.head = nil
	} else {
		k.head = append(k.head, p[:n]...)
	}
	return n, err
}

// again is the body from its beginning, nil where that is lost. Nothing begins to read
// by Read then any more; a read that waits yields to it what it gets.
func (k *kept) again() io.Reader {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.lost {
		return nil
	}
	return io.MultiReader(bytes.NewReader(k.head), k.from)
}
