package api

import (
	"errors"
	"strings"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/cloudfront"
)

// checkViewerCertificate refuses a certificate that is not there: one of this account's
// that ACM does not have (belief 400). Those of other accounts, as in the
// configuration of a real one, are kept, and aliases need no certificate: the network's authority makes
// one (difference 207). With RequireCertificates both are refused as CloudFront does.
func (h *handler) checkViewerCertificate(s *cdn.State, cfg *cloudfront.DistributionConfig, plan *cdn.Plan) error {
	arn, iam := "", ""
	if v := cfg.ViewerCertificate; v != nil {
		arn, iam = cloudfront.Or(v.ACMCertificateArn, ""), cloudfront.Or(v.IAMCertificateId, "")
	}
	own := strings.HasPrefix(arn, "arn:aws:acm:us-east-1:"+h.Account+":")
	unknown := arn != "" && s.Resource(cdn.ResourceCertificate, arn) == nil
	switch {
	case unknown && (own || h.RequireCertificates), iam != "" && h.RequireCertificates:
		return cloudfront.CodeInvalidViewerCertificate.Errorf("The specified SSL certificate doesn't exist, isn't in us-east-1 region, isn't valid, or doesn't include a valid certificate chain.")
	case h.RequireCertificates && len(plan.Aliases) > 0 && plan.Certificate == nil:
		return cloudfront.CodeInvalidViewerCertificate.Errorf("To add an alternate domain name (CNAME) to a CloudFront distribution, you must attach a trusted certificate that validates your authorization to use the domain name.")
	}
	return nil
}

// checkCovered is the same for a distribution that is given an alias. AssociateAlias has no code
// of its own for certificates.
func (h *handler) checkCovered(s *cdn.State, d *cdn.Distribution) error {
	cfg, err := config(d)
	if err != nil {
		return err
	}
	var refused *cloudfront.Error
	var uncovered *cdn.Error
	plan, err := cdn.Compile(d, s.Resources())
	if errors.As(err, &uncovered) && uncovered.Code == string(cloudfront.CodeInvalidViewerCertificate) {
		return cloudfront.CodeInvalidArgument.Errorf("%s", uncovered.Message)
	}
	if err != nil {
		return err
	}
	if errors.As(h.checkViewerCertificate(s, cfg, plan), &refused) {
		return cloudfront.CodeInvalidArgument.Errorf("%s", refused.Message)
	}
	return nil
}
