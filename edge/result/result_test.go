package result

import (
	"strings"
	"testing"

	"github.com/warmfront/warmfront/edge/event"
	"github.com/warmfront/warmfront/edge/tier"
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
