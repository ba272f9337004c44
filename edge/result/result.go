// Package result names what became of a viewer's request: CloudFront's result types, as
// metrics, access logs and X-Cache have them.
package result

import (
	"slices"

	"github.com/warmfront/warmfront/edge/accesslog"
	"github.com/warmfront/warmfront/edge/event"
	"github.com/warmfront/warmfront/edge/tier"
)

// Type is CloudFront's result type.
type Type int

// The types. What functions bring about comes last; those after FunctionGenerated are
// theirs alone.
const (
	Miss Type = iota
	Hit
	RefreshHit
	Error
	Redirect
	ShieldHit
	LimitExceeded
	FunctionGenerated
	FunctionExecution
	FunctionThrottled
	FunctionValidation
	LambdaGenerated
	LambdaExecution
	LambdaLimit
	LambdaValidation
	count
)

// OfEvent is the result that a function's is counted and logged as.
func OfEvent(r event.Result) Type {
	if i := slices.Index(Names(), string(r)); i >= 0 {
		return Type(i)
	}
	return Error
}

// Above is what a tier said, for an edge that asked it.
func Above(said string) Type {
	switch said {
	case tier.Hit:
		return Hit
	case tier.RefreshHit:
		return RefreshHit
	case tier.ShieldHit:
		return ShieldHit
	}
	return Miss
}

// Made reports whether a function made the answer.
func (t Type) Made() bool { return t == FunctionGenerated || t == LambdaGenerated }

// OfFunction reports whether a function failed.
func (t Type) OfFunction() bool { return t > FunctionGenerated && t != LambdaGenerated }

// Failed reports whether the answer is an error.
func (t Type) Failed() bool { return t == Error || t.OfFunction() }

// Names are the names of all types, each at its number.
func Names() []string {
	names := make([]string, 0, count)
	for t := range count {
		names = append(names, t.String())
	}
	return names
}

// String is the type's name in metrics and access logs.
func (t Type) String() string {
	switch t {
	case Miss:
		return accesslog.Miss
	case Hit:
		return accesslog.Hit
	case RefreshHit:
		return accesslog.RefreshHit
	case Error:
		return accesslog.Error
	case Redirect:
		return accesslog.Redirect
	case ShieldHit:
		return accesslog.OriginShieldHit
	case LimitExceeded:
		return accesslog.LimitExceeded
	case FunctionGenerated:
		return string(event.FunctionGenerated)
	case FunctionExecution:
		return string(event.FunctionExecution)
	case FunctionThrottled:
		return string(event.FunctionThrottled)
	case FunctionValidation:
		return string(event.FunctionValidation)
	case LambdaGenerated:
		return string(event.LambdaGenerated)
	case LambdaExecution:
		return string(event.LambdaExecution)
	case LambdaLimit:
		return string(event.LambdaLimit)
	case LambdaValidation:
		return string(event.LambdaValidation)
	}
	return ""
}

// XCache is the value of X-Cache. The common ones are not put together anew.
func (t Type) XCache() string {
	switch t {
	case Hit:
		return accesslog.Hit + from
	case Miss:
		return accesslog.Miss + from
	case RefreshHit:
		return accesslog.RefreshHit + from
	case Error:
		return accesslog.Error + from
	case Redirect:
		return accesslog.Redirect + from
	}
	return t.String() + from
}

const from = " from cloudfront"
