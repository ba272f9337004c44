package api

import (
	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/cloudfront"
)

// checkLambdas refuses Lambda functions that no edge could run: which program a function
// is, is said by the operator of the network, not by this API (difference 553).
func (h *handler) checkLambdas(plan *cdn.Plan) error {
	if h.Lambda == nil {
		return nil
	}
	for i := range plan.Behaviors {
		for _, l := range plan.Behaviors[i].Lambdas.All() {
			if !h.Lambda(l.ARN) {
				return cloudfront.CodeInvalidLambdaFunctionAssociation.Errorf("The specified Lambda@Edge function association is not valid: nothing here runs the function %s. "+
					"Start the network with --lambda %[1]s=http://HOST:PORT/PATH, or with --lambda %[1]s=exec:PATH.", l.ARN)
			}
		}
	}
	return nil
}
