package result

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/warmfront/warmfront/edge/accesslog"
	"github.com/warmfront/warmfront/edge/event"
	"github.com/warmfront/warmfront/edge/tier"
	"github.com/warmfront/warmfront/edge/upstream"
)

func TestEveryTypeHasANameOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for i, name := range Names() {
		if name == "" || seen[name] {
			t.Errorf("type %d is %q", i, name)
		}
		seen[name] = true
		if x := Type(i).XCache(); x != name+" from cloudfront" {
			t.Errorf("%s: X-Cache is %q", name, x)
		}
		if made := strings.Contains(name, "Generated"); Type(i).Made() != made {
			t.Errorf("%s: made %v", name, !made)
		}
	}
	for _, r := range []event.Result{event.FunctionGenerated, event.FunctionThrottled, event.LambdaGenerated, event.LambdaLimit} {
		if got := OfEvent(r); got.String() != string(r) {
			t.Errorf("%s is %s", r, got)
		}
	}
	if OfEvent("other") != Error {
		t.Error("what is not known is no error")
	}
}

func TestAbove(t *testing.T) {
	for said, want := range map[string]Type{tier.Hit: Hit, tier.RefreshHit: RefreshHit, tier.ShieldHit: ShieldHit, "": Miss, "x": Miss} {
		if got := Above(said); got != want {
			t.Errorf("%q: %v", said, got)
		}
	}
}

func TestWhatIsAnError(t *testing.T) {
	for result, failed := range map[Type]bool{
		Miss: false, Hit: false, Redirect: false, LimitExceeded: false, FunctionGenerated: false, LambdaGenerated: false,
		Error: true, FunctionExecution: true, FunctionValidation: true, LambdaExecution: true, LambdaValidation: true,
	} {
		if result.Failed() != failed {
			t.Errorf("%v: failed %v", result, !failed)
		}
	}
}

// told is a failure that another node tells of.
type told string

func (t told) Error() string    { return "at a tier: " + string(t) }
func (t told) Sentence() string { return string(t) }

func TestDetailOfOrigin(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&upstream.Error{Reason: upstream.DNS, Err: io.EOF}, "OriginDnsError"},
		{&upstream.Error{Reason: upstream.ReadTimeout, Err: io.EOF}, accesslog.OriginCommError},
		{&upstream.Error{Reason: upstream.TLS, Err: io.EOF}, accesslog.OriginConnectError},
		{told((&upstream.Error{Reason: upstream.DNS}).Sentence()), "OriginDnsError"},
		{fmt.Errorf("x: %w", told((&upstream.Error{Reason: upstream.ConnectTimeout}).Sentence())), accesslog.OriginCommError},
		{told("Something else."), accesslog.AbortedOrigin},
		{io.EOF, accesslog.AbortedOrigin},
	} {
		if got := DetailOfOrigin(c.err); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
}
