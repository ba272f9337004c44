package admission

import (
	"strings"

	"github.com/warmfront/warmfront/edge/policy"
	"github.com/warmfront/warmfront/edge/private"
)

// Described is a check in words.
type Described struct {
	Name string
	// Rule is what the distribution asks, Found what the request has.
	Rule, Found string
}

// Describe says of a check what it asks of this request, and what the request has.
func (g *Gate) Describe(c Check, v *policy.View, s *private.Signature) Described {
	switch c {
	case Loop:
		return Described{"loop", "not by way of this distribution before", orNone("CDN-Loop: ", v.Request.Header.Joined("CDN-Loop"))}
	case Stacked:
		return Described{"stacked distributions", "at most 2 before this one", orNone("Via: ", v.Request.Header.Joined("Via"))}
	case Country:
		d := Described{"geo restriction", "none", orNone("the country ", v.Country())}
		if allowed := v.Plan.Countries.Allowed; len(allowed) > 0 {
			d.Rule = "only " + strings.Join(allowed, ", ")
		} else if blocked := v.Plan.Countries.Blocked; len(blocked) > 0 {
			d.Rule = "not " + strings.Join(blocked, ", ")
		}
		return d
	case Method:
		return Described{"method", strings.Join(v.Behavior.AllowedMethods, ", "), v.Request.Method}
	case Protocol:
		return Described{"protocol", [...]string{"allow-all", "redirect-to-https", "https-only"}[v.Behavior.ViewerProtocol], v.Request.Scheme}
	case Signature:
		return g.describeSignature(v, s)
	}
	return Described{}
}

func (g *Gate) describeSignature(v *policy.View, s *private.Signature) Described {
	if !v.Behavior.Private {
		return Described{"signature", "none", "none"}
	}
	var keys []string
	for _, by := range v.Behavior.Signers {
		for _, k := range by.Keys {
			keys = append(keys, k.ID+" of "+by.ID)
		}
	}
	rule := "by one of the keys " + strings.Join(keys, ", ")
	if len(keys) == 0 {
		rule = "by a key of whom the behavior trusts, and they have none"
	}
	return Described{"signature", rule, private.Describe(*s, v.Behavior.Signers, g.signable(v))}
}

// orNone is a value with what it is before it, or "none" for the empty one.
func orNone(what, value string) string {
	if value == "" {
		return "none"
	}
	return what + value
}
