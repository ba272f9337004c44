package fetch

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/cdn/span"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/reuse"
	"github.com/warmfront/warmfront/edge/tier"
)

// forward sends a fetch up: to the tiers in turn, and to the origin where none of
// them answers. with adds fields to what the fetch asks for. It returns the header
// that the origin was, or would have been, asked with.
func (ft *Fetcher) forward(f *Fetch, interim func(int, message.Header), with func(*message.Header)) (*message.Response, message.Header, error) {
	q, ctx := f.question(interim), span.With(ft.ctx, f.work)
	f.FailedOver = ""
	if f.answer = (tier.Answer{}); len(f.Tiers) > 0 {
		up := f.upward(q.Primary.Request)
		with(&up.Header)
		resp, answer, err := ft.Tiers.Do(ctx, f.Tiers, ft.asks(f), up)
		if !isPassedOver(err) && !f.outdated(ft.State().Invalidations(f.Plan.ID), resp, answer) {
			f.answer = answer
			return resp, q.Primary.Request.Header, err
		}
	}
	q.asks = func() tier.Ask { return ft.asks(f) }
	q.take = func(resp *message.Response, answer tier.Answer) bool {
		if f.outdated(ft.State().Invalidations(f.Plan.ID), resp, answer) {
			return false
		}
		f.answer = answer
		return true
	}
	resp, sent, why, err := ft.Ask(ctx, q, with)
	f.FailedOver = why
	return resp, sent, err
}

// upward is what tiers are asked by a fetch that asks its origin for r.
func (f *Fetch) upward(r *message.Request) *message.Request {
	up := *f.Upward
	up.Interim = r.Interim
	up.Header = f.Upward.Header.Clone(roomForOwnFields)
	if f.Ranged {
		up.Header.Set("Range", r.Header.Get("Range"))
	}
	return &up
}

func isPassedOver(err error) bool {
	passed := (*tier.PassedOver)(nil)
	return errors.As(err, &passed)
}

// roomForOwnFields is how many header fields a request gets beside the viewer's.
const roomForOwnFields = 10

// asks says what a tier must know to answer a fetch. All who will take the answer for their own have arrived by now. Whatever
// was Completed before that is in the state of a node that has its lease, read in
// this order; a node without asks for the origin's confirmation (K).
func (ft *Fetcher) asks(f *Fetch) tier.Ask {
	leased := f.Plan.MayServe(ft.Leased(time.Now()), ft.Entitled())
	state := ft.State()
	inv := state.Invalidations(f.Plan.ID)
	least, newest := reuse.Need(reuse.Newest(inv, slices.Concat(f.URIs, f.others)), inv.Tagged().Max(f.Plan.Version), state.Version.Epoch)
	return tier.Ask{
		Distribution: f.Plan.ID, Behavior: f.Pattern, Rerouted: f.Rerouted, Newest: newest, Least: least, Confirm: !leased || f.Fenced,
		Viewer: f.Upward.Viewer, Scheme: f.Upward.Scheme, Major: f.Upward.Major, Minor: f.Upward.Minor, ID: f.ID,
		Timeout: patience(f.Origin, f.Second),
	}
}

// patience is how long an asker waits for a piece of what one of two origins answers a
// tier.
func patience(primary *origins.Origin, second *Target) time.Duration {
	t := cmp.Or(primary.ReadTimeout, 30*time.Second)
	if second != nil {
		t = max(t, cmp.Or(second.Origin.ReadTimeout, 30*time.Second))
	}
	return t + 5*time.Second
}
