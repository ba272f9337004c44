package fetch

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/reuse"
	"github.com/warmfront/warmfront/edge/rfc9111"
	"github.com/warmfront/warmfront/edge/tier"
	"github.com/warmfront/warmfront/edge/upstream"
)

// Target is an origin and what it is asked.
type Target struct {
	Origin  *origins.Origin
	Request *message.Request // finished, but for its signature
	// Shield is asked before Origin: its Origin Shield, where no tier has been asked
	// that knows of it.
	Shield []tier.Tier
}

// Question is what is asked of a behavior's origin, or of its origin group: the
// primary one each time, whatever came of the requests before, and the second once
// the primary has failed (beliefs 100 and 101).
type Question struct {
	Plan *cdn.Plan
	// Behavior says which functions run; nil: none.
	Behavior *cdn.Behavior
	Primary  Target
	// Second is nil where there is none, or the request's method does not fail over.
	Second   *Target
	Failover *origins.Failover
	// Pattern is the behavior's, where a shield cannot tell the behavior by the path.
	Pattern string
	// Upward is what shields are asked, with X-Amz-Cf-Id ID; nil where there is none.
	// Rerouted is what they are told of where a function sent the request.
	Upward   *message.Request
	ID       string
	Rerouted string
	// Timing is set, if it is there.
	Timing *Timing
	// asks says what a shield must know, and take whether what it answered is of use;
	// both nil where the request is passed on as it is.
	asks func() tier.Ask
	take func(*message.Response, tier.Answer) bool
}

// Ask asks an origin, or one after the other of a group, with what the distribution's
// access control of each says of it. with, if any, adds fields that are no part of
// what is signed. The header of the request that was answered comes back, and, where
// the second origin was asked, why.
func (ft *Fetcher) Ask(ctx context.Context, q Question, with func(*message.Header)) (resp *message.Response, sent message.Header, why string, err error) {
	resp, err = ft.askOne(ctx, &q, q.Primary, with)
	if q.Second == nil || ctx.Err() != nil {
		return resp, q.Primary.Request.Header, "", err
	}
	if why = failure(q.Failover, resp, err); why == "" {
		return resp, q.Primary.Request.Header, "", err
	}
	resp.Close()
	ft.FailedOver(why)
	resp, err = ft.askOne(ctx, &q, *q.Second, with)
	return resp, q.Second.Request.Header, why, err
}

// failure says in one word why the primary origin has failed, "" if it has not.
func failure(f *origins.Failover, resp *message.Response, err error) string {
	var known *upstream.Error
	var told interface{ Sentence() string }
	var function interface{ Result() string }
	switch {
	case errors.As(err, &function) && function.Result() != "":
		return "" // which failed, here or at a shield, and not the origin
	case errors.As(err, &known):
		return string(known.Reason)
	case errors.As(err, &told):
		return "OriginError"
	case err == nil && f.Fails(resp.Status):
		return strconv.Itoa(resp.Status)
	}
	return "" // it was never asked
}

func (ft *Fetcher) askOne(ctx context.Context, q *Question, t Target, with func(*message.Header)) (*message.Response, error) {
	if len(t.Shield) > 0 {
		if resp, err := ft.through(ctx, q, t, with); !isPassedOver(err) {
			return resp, err
		}
	}
	return ft.askOrigin(ctx, q, t, with)
}

// question is what the fetch asks the origins. What is asked is the flight's own: it
// may ask again.
func (f *Fetch) question(interim func(int, message.Header)) Question {
	own := func(t Target) Target {
		r := *t.Request
		r.Header, r.Interim = t.Request.Header.Clone(roomForOwnFields), interim
		t.Request = &r
		return t
	}
	q := Question{Plan: f.Plan, Behavior: f.Behavior, Primary: own(Target{Origin: f.Origin, Request: f.Request}), Failover: f.Failover, ID: f.ID, Rerouted: f.Rerouted, Timing: f.Timing}
	if f.Upward != nil {
		q.Upward = f.upward(q.Primary.Request)
	}
	if f.Second != nil && origins.FailsOver(f.Request.Method) {
		second := own(*f.Second)
		second.Request.Method = f.Request.Method
		if value := f.Request.Header.Get("Range"); value != "" {
			second.Request.Header.Set("Range", value)
		}
		q.Second = &second
	}
	return q
}

// Which of a group's origins an object came from is nowhere kept, and two origins may
// well have different things under one date. Of a group therefore an entity tag alone
// tells whether what one of them says is of what the other sent. The same holds where a
// function sends requests of one key to several origins (difference 577).

// grouped reports whether what is stored may have come from several origins.
func (f *Fetch) grouped() bool {
	return f.Behavior.Failover != nil || f.Failover != nil || f.Behavior.ViewerRequest.Reroutes()
}

// validated reports whether the origin can be asked whether o still holds.
func (f *Fetch) validated(o *cache.Object) bool {
	if f.grouped() {
		return o.Header.Get("ETag") != ""
	}
	return rfc9111.HasValidator(o.Header)
}

// conditional makes h ask for that.
func (f *Fetch) conditional(h *message.Header, o *cache.Object) {
	rfc9111.Conditional(h, o.Header)
	if o.OriginTag != "" {
		h.Set("If-None-Match", o.OriginTag)
	}
	if f.grouped() {
		h.Del("If-Modified-Since")
	}
}

// strongValidator is what tells a version of an object from every other, byte by byte,
// whichever origin it is of.
func (f *Fetch) strongValidator(h message.Header) string {
	v := rfc9111.StrongValidator(h)
	if f.grouped() && !strings.HasPrefix(v, `"`) {
		return ""
	}
	return v
}

// sameObject reports whether an answer brings a part of what is stored (Q). An origin
// of a group has to say so itself.
func (f *Fetch) sameObject(o *cache.Object, resp *message.Response) bool {
	if f.grouped() && resp.Header.Get("ETag") != o.Header.Get("ETag") {
		return false
	}
	return reuse.SameObject(o, resp.Header, resp.Status == 206)
}
