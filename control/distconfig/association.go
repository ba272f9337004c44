package distconfig

import (
	"strings"

	"github.com/warmfront/warmfront/control/cloudfront"
)

// The quotas of one cache behavior (developer guide, "Quotas").
const (
	maxSigners   = 5
	maxKeyGroups = 4
	maxFunctions = 2
	maxLambda    = 4
)

// checkSigners: who may sign is a list that is empty exactly where nobody has to.
func checkSigners(_ *cloudfront.DistributionConfig, b *behavior) error {
	if s := b.TrustedSigners; s != nil {
		switch {
		case s.Enabled != (len(s.Items) > 0):
			return invalid("The parameter TrustedSigners of %s must have items exactly where it is enabled.", b.name)
		case len(s.Items) > maxSigners:
			return cloudfront.CodeTooManyTrustedSigners.Errorf("Your request contains more trusted signers than are allowed per distribution, %d: %s.", maxSigners, b.name)
		}
		for _, account := range s.Items {
			if account != "self" && !isAccount(account) {
				return cloudfront.CodeTrustedSignerDoesNotExist.Errorf("One or more of your trusted signers don't exist: the AwsAccountNumber %.20q of %s.", account, b.name)
			}
		}
	}
	if g := b.TrustedKeyGroups; g != nil {
		switch {
		case g.Enabled != (len(g.Items) > 0):
			return invalid("The parameter TrustedKeyGroups of %s must have items exactly where it is enabled.", b.name)
		case len(g.Items) > maxKeyGroups:
			return cloudfront.CodeTooManyKeyGroupsAssociatedToDistribution.Errorf("The number of key groups referenced by this distribution is more than the maximum allowed, %d: %s.", maxKeyGroups, b.name)
		}
	}
	return nil
}

func isAccount(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) == 12
}

// checkFunctions: CloudFront Functions run on the viewer's events, one on each.
func checkFunctions(_ *cloudfront.DistributionConfig, b *behavior) error {
	if b.FunctionAssociations == nil {
		return nil
	}
	items := b.FunctionAssociations.Items
	if len(items) > maxFunctions {
		return cloudfront.CodeTooManyFunctionAssociations.Errorf("You have reached the maximum number of CloudFront function associations for %s, %d.", b.name, maxFunctions)
	}
	seen := map[cloudfront.EventType]bool{}
	for _, f := range items {
		switch {
		case f.EventType != cloudfront.EventTypeViewerRequest && f.EventType != cloudfront.EventTypeViewerResponse:
			return cloudfront.CodeInvalidFunctionAssociation.Errorf("A CloudFront function association is not valid: the EventType of %s must be viewer-request or viewer-response, not %s.", b.name, f.EventType)
		case seen[f.EventType]:
			return cloudfront.CodeInvalidFunctionAssociation.Errorf("A CloudFront function association is not valid: %s has more than one function for the EventType %s.", b.name, f.EventType)
		case functionName(f.FunctionARN) == "":
			return cloudfront.CodeInvalidFunctionAssociation.Errorf("A CloudFront function association is not valid: the FunctionARN %.120q of %s is not of the form arn:aws:cloudfront::ACCOUNT:function/NAME.", f.FunctionARN, b.name)
		}
		seen[f.EventType] = true
	}
	return nil
}

// functionName returns the name in a CloudFront function's ARN, "" if it is none.
func functionName(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "cloudfront" || !isAccount(parts[4]) {
		return ""
	}
	name, ok := strings.CutPrefix(parts[5], "function/")
	if !ok || strings.Contains(name, "/") {
		return ""
	}
	return name
}

// checkLambda: Lambda@Edge functions are named by a version, in us-east-1, one on
// each event, and not on a viewer's event beside a CloudFront function.
func checkLambda(_ *cloudfront.DistributionConfig, b *behavior) error {
	if b.LambdaFunctionAssociations == nil {
		return nil
	}
	items := b.LambdaFunctionAssociations.Items
	if len(items) > maxLambda {
		return cloudfront.CodeTooManyLambdaFunctionAssociations.Errorf("Your request contains more Lambda@Edge function associations than are allowed for %s, %d.", b.name, maxLambda)
	}
	seen := map[cloudfront.EventType]bool{}
	for _, l := range items {
		switch {
		case seen[l.EventType]:
			return cloudfront.CodeInvalidLambdaFunctionAssociation.Errorf("The specified Lambda@Edge function association is not valid: %s has more than one function for the EventType %s.", b.name, l.EventType)
		case !isLambdaVersion(l.LambdaFunctionARN):
			return cloudfront.CodeInvalidLambdaFunctionAssociation.Errorf("The specified Lambda@Edge function association is not valid: the LambdaFunctionARN of %s must reference a specific function version, "+
				"arn:aws:lambda:us-east-1:ACCOUNT:function:NAME:VERSION, not %.200q.", b.name, l.LambdaFunctionARN)
		case cloudfront.Or(l.IncludeBody, false) && !strings.HasSuffix(string(l.EventType), "-request"):
			return cloudfront.CodeInvalidLambdaFunctionAssociation.Errorf("The specified Lambda@Edge function association is not valid: IncludeBody of %s is for viewer-request and origin-request, not %s.", b.name, l.EventType)
		case strings.HasPrefix(string(l.EventType), "viewer-") && b.FunctionAssociations != nil && len(b.FunctionAssociations.Items) > 0:
			return cloudfront.CodeInvalidLambdaFunctionAssociation.Errorf("The specified Lambda@Edge function association is not valid: %s has CloudFront functions, and no Lambda@Edge function may be on viewer events beside them.", b.name)
		}
		seen[l.EventType] = true
	}
	return nil
}

func isLambdaVersion(arn string) bool {
	parts := strings.Split(arn, ":")
	if len(parts) != 8 || parts[2] != "lambda" || parts[3] != "us-east-1" || !isAccount(parts[4]) || parts[5] != "function" || parts[6] == "" {
		return false
	}
	version := parts[7]
	return version != "" && strings.Trim(version, "0123456789") == ""
}

// checkEncryption: a field is encrypted in the body of a POST that came over HTTPS.
func checkEncryption(_ *cloudfront.DistributionConfig, b *behavior) error {
	if cloudfront.Or(b.FieldLevelEncryptionId, "") == "" {
		return nil
	}
	if b.ViewerProtocolPolicy == cloudfront.ViewerProtocolPolicyAllowAll || b.AllowedMethods == nil || len(b.AllowedMethods.Items) < 7 {
		return cloudfront.CodeIllegalFieldLevelEncryptionConfigAssociationWithCacheBehavior.Errorf(
			"The specified configuration for field-level encryption can't be associated with the specified cache behavior: FieldLevelEncryptionId of %s takes HTTPS from viewers and the method POST.", b.name)
	}
	return nil
}
