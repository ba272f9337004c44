package function

import (
	"fmt"

	"github.com/warmfront/warmfront/edge/event"
	"github.com/warmfront/warmfront/edge/reroute"
)

// asking is what a run asks the host: ask, and besides the helper methods that change the
// origin, whose calls are kept for when the handler has returned.
func (r *Run) asking(calls *[]reroute.Call) func(question, about, key string) (string, bool) {
	return func(question, about, key string) (string, bool) {
		switch {
		case !reroute.IsMethod(question):
			return r.ask(question, about, key)
		case r.Event.Type != event.ViewerRequest || !r.Function.Reroutes() || len(*calls) >= reroute.MaxCalls:
			return "", false
		}
		*calls = append(*calls, reroute.Call{Method: question, Arguments: about})
		return "", true
	}
}

// parse reads what calls ask for, as far as it can be checked without a distribution: a test
// has none. Who answers itself asks no origin.
func (r *Returned) parse(calls []reroute.Call) (err error) {
	if len(calls) == 0 || r.Request == nil {
		return nil
	}
	if r.Changes, err = reroute.Parse(calls); err != nil {
		return err
	}
	for _, name := range r.Changes.Headers() {
		if r.Request.Headers.Get(name) != nil {
			return fmt.Errorf("cf.updateRequestOrigin: the request has a header %s already, which customHeaders cannot add", name)
		}
	}
	return nil
}

// settle finds where the request goes by the distribution's plan, if the function says so.
func (r *Report) settle(in *event.Info) {
	if r.Failure != nil || len(r.Returned.Changes) == 0 {
		return
	}
	target, err := r.Returned.Changes.Apply(in.Plan, reroute.Of(in.Plan, in.Behavior))
	if err != nil {
		r.Failure = &Failure{event.FunctionValidation, "The function set an origin that is not valid: " + err.Error() + "."}
		return
	}
	r.Returned.Target = &target
}
