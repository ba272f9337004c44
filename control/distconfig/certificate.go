package distconfig

import (
	"strings"

	"github.com/warmfront/warmfront/control/cloudfront"
)

// checkCertificate holds what a configuration says of its certificate to what goes
// together. Whether it covers the aliases is cdn.Compile's to say where the
// certificate is known here; the network's own authority stands in for any other, and
// for none (difference 207).
func checkCertificate(cfg *cloudfront.DistributionConfig) error {
	v := cfg.ViewerCertificate
	if v == nil {
		return nil
	}
	acm, iam := cloudfront.Or(v.ACMCertificateArn, ""), cloudfront.Or(v.IAMCertificateId, "")
	own := cloudfront.Or(v.CloudFrontDefaultCertificate, false)
	switch {
	case own && (acm != "" || iam != ""):
		return certificate("CloudFrontDefaultCertificate is for CloudFront's own certificate, and cannot be true beside ACMCertificateArn or IAMCertificateId")
	case acm != "" && iam != "":
		return certificate("only one of ACMCertificateArn and IAMCertificateId can be given")
	case acm == "" && iam == "":
		return checkOwnCertificate(v)
	case acm != "" && !isCertificateARN(acm):
		return certificate("the specified SSL certificate doesn't exist, isn't in us-east-1 region, isn't valid, or doesn't include a valid certificate chain: ACMCertificateArn %.300q is not of the form arn:aws:acm:us-east-1:ACCOUNT:certificate/ID", acm)
	case v.SSLSupportMethod == "":
		return certificate("SSLSupportMethod is required beside ACMCertificateArn and IAMCertificateId")
	case v.SSLSupportMethod == cloudfront.SSLSupportMethodSniOnly && v.MinimumProtocolVersion == cloudfront.MinimumProtocolVersionSSLv3:
		return cloudfront.CodeInvalidProtocolSettings.Errorf("You cannot specify SSLv3 as the minimum protocol version if you only want to support only clients that support Server Name Indication (SNI): MinimumProtocolVersion of ViewerCertificate.")
	}
	return nil
}

// checkOwnCertificate: with CloudFront's own certificate the security policy is
// TLSv1, whatever is asked for (API, ViewerCertificate).
func checkOwnCertificate(v *cloudfront.ViewerCertificate) error {
	if v.CloudFrontDefaultCertificate != nil && !*v.CloudFrontDefaultCertificate && v.Certificate == nil {
		return certificate("CloudFrontDefaultCertificate is false, and neither ACMCertificateArn nor IAMCertificateId is given")
	}
	return nil
}

func certificate(format string, args ...any) error {
	return cloudfront.CodeInvalidViewerCertificate.Errorf("The viewer certificate specified is not valid: "+format+".", args...)
}

func isCertificateARN(arn string) bool {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "acm" || parts[3] != "us-east-1" || !isAccount(parts[4]) {
		return false
	}
	id, ok := strings.CutPrefix(parts[5], "certificate/")
	return ok && id != ""
}

func aliases(cfg *cloudfront.DistributionConfig) []string {
	if cfg.Aliases == nil {
		return nil
	}
	return cfg.Aliases.Items
}
