package reroute

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/origins"
)

// Target is the origins that a request goes to.
type Target struct {
	// Origin is the one that is asked, or the first of a group.
	Origin *origins.Origin
	// Second is asked once Failover says so; both are nil where there is no group.
	Second   *origins.Origin
	Failover *origins.Failover
}

// Of is the target of a behavior of a plan.
func Of(p *cdn.Plan, b *cdn.Behavior) Target {
	t := Target{Origin: &p.Origins[b.Origin], Failover: b.Failover}
	if b.Failover != nil {
		t.Second = &p.Origins[b.Failover.Origin]
	}
	return t
}

// The methods of the module cloudfront.
const (
	update  = "updateRequestOrigin"
	choose  = "selectRequestOriginById"
	combine = "createRequestOriginGroup"
)

// IsMethod reports whether a method of the module cloudfront is one of this package's.
func IsMethod(name string) bool { return name == update || name == choose || name == combine }

// Call is a call of a method: its arguments are an array, as JSON.
type Call struct{ Method, Arguments string }

// Change is what one call asks for: one of its fields is set.
type Change struct {
	Select *Selection `json:"select,omitempty"`
	Update *Update    `json:"update,omitempty"`
	Group  *Group     `json:"group,omitempty"`
}

// Changes are in the order of their calls. Each goes on from what the one before has made:
// the guide says nothing of several.
type Changes []Change

// MaxCalls is how many calls a run may make.
const MaxCalls = 8

// Parse reads calls and checks what can be checked without a plan. Its errors name the
// method, in words for the function's author.
func Parse(calls []Call) (Changes, error) {
	var out Changes
	for _, c := range calls {
		change, err := c.parse()
		if err != nil {
			return nil, fmt.Errorf("cf.%s: %w", c.Method, err)
		}
		out = append(out, change)
	}
	return out, nil
}

func (c Call) parse() (Change, error) {
	var args []json.RawMessage
	if err := json.Unmarshal([]byte(c.Arguments), &args); err != nil || len(args) == 0 {
		return Change{}, errors.New("it has no argument")
	}
	var change Change
	var err error
	switch c.Method {
	case update:
		change.Update = &Update{}
		err = read(args[0], change.Update)
	case combine:
		change.Group = &Group{}
		err = read(args[0], change.Group)
	default:
		change.Select = &Selection{}
		if err = read(args[0], &change.Select.ID); err == nil && len(args) > 1 {
			err = read(args[1], &change.Select.Overrides)
		}
	}
	if err == nil {
		err = change.check()
	}
	return change, err
}

// read reads an argument, which must be there.
func read(arg json.RawMessage, to any) error {
	if string(arg) == "null" {
		return errors.New("an argument is missing")
	}
	var kind *json.UnmarshalTypeError
	switch err := json.Unmarshal(arg, to); {
	case errors.As(err, &kind) && kind.Field != "":
		return fmt.Errorf("%s cannot be a %s", kind.Field, kind.Value)
	case errors.As(err, &kind):
		return fmt.Errorf("the argument cannot be a %s", kind.Value)
	case err != nil:
		return err
	}
	return nil
}

func (c *Change) check() error {
	switch {
	case c.Update != nil:
		return c.Update.check()
	case c.Group != nil:
		return c.Group.check()
	case c.Select != nil:
		return c.Select.check()
	}
	return errors.New("it asks for nothing")
}

// Apply makes the target of a request, given that of its behavior. The plan is the one that
// the behavior is of; its errors are in words for the function's author.
func (c Changes) Apply(p *cdn.Plan, t Target) (Target, error) {
	for i := range c {
		var err error
		switch change := &c[i]; {
		case change.Select != nil:
			t = Target{}
			t.Origin, err = change.Select.of(p)
		case change.Group != nil:
			t, err = change.Group.of(p)
		case change.Update != nil:
			// Of a group the first origin is changed, the second stays (570).
			t.Origin, err = change.Update.apply(t.Origin)
		}
		if err != nil {
			return Target{}, err
		}
	}
	return t, nil
}

// maxEncoded bounds what another node may send.
const maxEncoded = 48 << 10

// Encode writes changes so that Decode reads them, in characters that a header field may
// have; "" for none.
func (c Changes) Encode() string {
	if len(c) == 0 {
		return ""
	}
	b, _ := json.Marshal(c) // strings and numbers always can be
	return base64.RawURLEncoding.EncodeToString(b)
}

// Decode reads what Encode wrote, and checks it as Parse does.
func Decode(s string) (Changes, error) {
	if len(s) > maxEncoded {
		return nil, errors.New("the changes of the origin are too large")
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil, err
	}
	var c Changes
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, err
	}
	if len(c) == 0 || len(c) > MaxCalls {
		return nil, fmt.Errorf("there are %d changes of the origin", len(c))
	}
	for i := range c {
		if err := c[i].check(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Headers are the names, in lower case, of the custom headers that changes add to requests:
// the viewer's request must have none of them (570).
func (c Changes) Headers() []string {
	var names []string
	for _, change := range c {
		if change.Update != nil {
			for name := range change.Update.CustomHeaders {
				names = append(names, name)
			}
		}
	}
	return names
}
