package fetch

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/reuse"
	"github.com/warmfront/warmfront/edge/tier"
)

// forward sends a fetch up: to the tiers in turn, and to the origin where none of
// them answers. with adds fields to what the fetch asks for. It returns the header
// that the origin was, or would have been, asked with.
func (ft *Fetcher) forward(f *Fetch, interim func(int, message.Header), with func(*message.Header)) (*message.Response, message.Header, error) {
	q := f.question(interim)
	f.FailedOver = ""
	if f.answer = (tier.Answer{}); len(f.Tiers) > 0 {
		up := *f.Upward
		up.Header, up.Interim = f.Upward.Header.Clone(roomForOwnFields), interim
		if f.Ranged {
			up.Header.Set("Range", f.Request.Header.Get("Range"))
		}
		with(&up.Header)
		resp, answer, err := ft.Tiers.Do(ft.ctx, f.Tiers, ft.asks(f), &up)
		if passed := (*tier.PassedOver)(nil); !errors.As(err, &passed) && !f.outdated(ft.State().Invalidations(f.Plan.ID), resp, answer) {
			f.answer = answer
			return resp, q.Primary.Request.Header, err
		}
	}
	resp, sent, why, err := ft.Ask(ft.ctx, q, with)
	f.FailedOver = why
	return resp, sent, err
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
		Distribution: f.Plan.ID, Newest: newest, Least: least, Confirm: !leased || f.Fenced,
		Viewer: f.Upward.Viewer, Scheme: f.Upward.Scheme, Major: f.Upward.Major, Minor: f.Upward.Minor, ID: f.ID,
		Timeout: f.timeout() + 5*time.Second,
	}
}

// timeout is for how long the origin that answers may take for a piece of its answer.
func (f *Fetch) timeout() time.Duration {
	t := cmp.Or(f.Origin.ReadTimeout, 30*time.Second)
	if f.Second != nil {
		t = max(t, cmp.Or(f.Second.Origin.ReadTimeout, 30*time.Second))
	}
	return t
}
