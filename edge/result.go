package edge

import (
	"github.com/warmfront/warmfront/edge/accesslog"
	"github.com/warmfront/warmfront/edge/event"
)

// result is CloudFront's result type.
type result int

const (
	resultMiss result = iota
	resultHit
	resultRefreshHit
	resultError
	resultRedirect
	resultShieldHit
	resultLimitExceeded
	// What functions bring about; those after FunctionGenerated are theirs alone.
	resultFunctionGenerated
	resultFunctionExecution
	resultFunctionThrottled
	resultFunctionValidation
	resultLambdaGenerated
	resultLambdaExecution
	resultLambdaLimit
	resultLambdaValidation
	results
)

// ofEvent is the result that a function's is counted and logged as.
func ofEvent(r event.Result) result {
	for i, name := range names() {
		if name == string(r) {
			return result(i)
		}
	}
	return resultError
}

// made reports whether a function made the answer.
func (r result) made() bool { return r == resultFunctionGenerated || r == resultLambdaGenerated }

// failed reports whether the answer is an error.
func (r result) failed() bool {
	return r == resultError || r >= resultFunctionExecution && r != resultLambdaGenerated
}

// names are those by which metrics and logs know the results.
func names() [results]string {
	return [...]string{
		accesslog.Miss, accesslog.Hit, accesslog.RefreshHit, accesslog.Error, accesslog.Redirect, accesslog.OriginShieldHit, accesslog.LimitExceeded,
		string(event.FunctionGenerated), string(event.FunctionExecution), string(event.FunctionThrottled), string(event.FunctionValidation),
		string(event.LambdaGenerated), string(event.LambdaExecution), string(event.LambdaLimit), string(event.LambdaValidation),
	}
}

// String is the result's name.
func (r result) String() string { return names()[r] }

// xCache is the value of X-Cache.
func (r result) xCache() string {
	return [...]string{
		accesslog.Miss + from, accesslog.Hit + from, accesslog.RefreshHit + from, accesslog.Error + from, accesslog.Redirect + from, accesslog.OriginShieldHit + from,
		accesslog.LimitExceeded + from,
		string(event.FunctionGenerated) + from, string(event.FunctionExecution) + from, string(event.FunctionThrottled) + from, string(event.FunctionValidation) + from,
		string(event.LambdaGenerated) + from, string(event.LambdaExecution) + from, string(event.LambdaLimit) + from, string(event.LambdaValidation) + from,
	}[r]
}

const from = " from cloudfront"
