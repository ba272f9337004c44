package distconfig

import (
	"slices"
	"strconv"
	"strings"

	"github.com/warmfront/warmfront/control/cloudfront"
)

const (
	maxRoot      = 255
	maxPagePath  = 255
	maxLogPrefix = 256
)

// checkRoot holds the default root object to a file's name (API,
// DistributionConfig).
func checkRoot(cfg *cloudfront.DistributionConfig) error {
	root := cloudfront.Or(cfg.DefaultRootObject, "")
	if strings.HasPrefix(root, "/") || len(root) > maxRoot || !isEncoded(root) || strings.ContainsAny(root, "?#<>\"\\^`{|}") {
		return cloudfront.CodeInvalidDefaultRootObject.Errorf("The default root object file name is too big or contains an invalid character: DefaultRootObject %.260q must have at most %d characters, and no slash at its beginning.", root, maxRoot)
	}
	return nil
}

// errorCodes are those that may have a custom error response, and besides 200 those
// that one may answer with (API, CustomErrorResponse).
func errorCodes() []int { return []int{400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504} }

func checkErrorResponses(cfg *cloudfront.DistributionConfig) error {
	if cfg.CustomErrorResponses == nil {
		return nil
	}
	seen := map[int]bool{}
	for _, r := range cfg.CustomErrorResponses.Items {
		if !slices.Contains(errorCodes(), r.ErrorCode) {
			return cloudfront.CodeInvalidErrorCode.Errorf("An invalid error code was specified: the ErrorCode %d is none of %v.", r.ErrorCode, errorCodes())
		}
		if seen[r.ErrorCode] {
			return invalid("The parameter ErrorCode must be unique: %d has more than one custom error response.", r.ErrorCode)
		}
		seen[r.ErrorCode] = true
		if err := checkErrorPage(&r); err != nil {
			return err
		}
		if ttl := cloudfront.Or(r.ErrorCachingMinTTL, 0); ttl < 0 || ttl > maxTTL {
			return invalid("The parameter ErrorCachingMinTTL of the custom error response for %d must be from 0 to %d seconds, not %d.", r.ErrorCode, maxTTL, ttl)
		}
	}
	return nil
}

func checkErrorPage(r *cloudfront.CustomErrorResponse) error {
	page, code := cloudfront.Or(r.ResponsePagePath, ""), cloudfront.Or(r.ResponseCode, "")
	switch {
	case page == "" && code == "":
		return nil
	case page == "" || code == "":
		return cloudfront.CodeInvalidResponseCode.Errorf("A response code specified in the response body is not valid: the custom error response for %d needs both ResponsePagePath and ResponseCode, or neither.", r.ErrorCode)
	case !strings.HasPrefix(page, "/") || len(page) > maxPagePath || !isEncoded(page):
		return cloudfront.CodeInvalidRelativePath.Errorf("The relative path is too big, is not URL-encoded, or does not begin with a slash (/): ResponsePagePath %.260q of the custom error response for %d.", page, r.ErrorCode)
	}
	if n, err := strconv.Atoi(code); err != nil || n != 200 && !slices.Contains(errorCodes(), n) {
		return cloudfront.CodeInvalidResponseCode.Errorf("A response code specified in the response body is not valid: the ResponseCode %.20q for %d is none of 200 and %v.", code, r.ErrorCode, errorCodes())
	}
	return nil
}

func checkLogging(cfg *cloudfront.DistributionConfig) error {
	l := cfg.Logging
	if l == nil || !cloudfront.Or(l.Enabled, false) {
		return nil
	}
	bucket, prefix := cloudfront.Or(l.Bucket, ""), cloudfront.Or(l.Prefix, "")
	switch {
	case !IsBucketName(bucket):
		return invalid("The parameter Logging Bucket does not refer to a valid S3 bucket: %.260q.", bucket)
	case len(prefix) > maxLogPrefix || strings.HasPrefix(prefix, "/"):
		return invalid("The parameter Logging Prefix must have at most %d characters, and no slash at its beginning.", maxLogPrefix)
	}
	return nil
}

// countries are the codes of ISO 3166-1 alpha-2, and XK as CloudFront has it.
const countries = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ " +
	"CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR " +
	"GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP " +
	"KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ " +
	"NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW " +
	"SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ " +
	"UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW"

func checkRestrictions(cfg *cloudfront.DistributionConfig) error {
	if cfg.Restrictions == nil {
		return nil
	}
	g := cfg.Restrictions.GeoRestriction
	none := g.RestrictionType == cloudfront.GeoRestrictionTypeNone
	if none != (len(g.Items) == 0) {
		return cloudfront.CodeInvalidGeoRestrictionParameter.Errorf("The specified geo restriction parameter is not valid: GeoRestriction must have a Location exactly where RestrictionType is not none, and has %d with %s.", len(g.Items), g.RestrictionType)
	}
	for _, code := range g.Items {
		if len(code) != 2 || !slices.Contains(strings.Fields(countries), code) {
			return cloudfront.CodeInvalidLocationCode.Errorf("The location code specified is not valid: the Location %.20q is no country's code of ISO 3166-1 alpha-2, in upper case.", code)
		}
	}
	if twice, found := duplicate(g.Items); found {
		return cloudfront.CodeInvalidGeoRestrictionParameter.Errorf("The specified geo restriction parameter is not valid: the Location %s is given more than once.", twice)
	}
	return nil
}

func checkWebACL(cfg *cloudfront.DistributionConfig) error {
	return CheckWebACL(cloudfront.Or(cfg.WebACLId, ""))
}

// CheckWebACL refuses what cannot name a web ACL: a WAF Classic's id, or the ARN of
// one of WAF's that is for CloudFront. None, "", is one too.
func CheckWebACL(id string) error {
	if id == "" || isClassicACL(id) {
		return nil
	}
	parts := strings.SplitN(id, ":", 6)
	if len(parts) == 6 && parts[0] == "arn" && parts[2] == "wafv2" && parts[3] == "us-east-1" && isAccount(parts[4]) {
		if rest, ok := strings.CutPrefix(parts[5], "global/webacl/"); ok && strings.Count(rest, "/") == 1 {
			return nil
		}
	}
	return cloudfront.CodeInvalidWebACLId.Errorf("A web ACL ID specified is not valid. To specify a web ACL created using the latest version of WAF, use the ACL ARN, for example arn:aws:wafv2:us-east-1:123456789012:global/webacl/NAME/ID: WebACLId %.200q.", id)
}

// isClassicACL tells whether s is a UUID.
func isClassicACL(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (c == '-') ||
			!dash && (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

// checkStaging: a staging distribution is reached through its primary one's names
// and policy, and has none of its own; where there is a policy there is no HTTP/3
// (developer guide, "Use CloudFront continuous deployment").
func checkStaging(cfg *cloudfront.DistributionConfig) error {
	if !cloudfront.Or(cfg.Staging, false) {
		if cloudfront.Or(cfg.ContinuousDeploymentPolicyId, "") != "" && (cfg.HttpVersion == cloudfront.HttpVersionHttp3 || cfg.HttpVersion == cloudfront.HttpVersionHttp2and3) {
			return invalid("The parameter HttpVersion cannot be %s for a distribution with a ContinuousDeploymentPolicyId: continuous deployment does not support HTTP/3.", cfg.HttpVersion)
		}
		return nil
	}
	switch {
	case len(aliases(cfg)) > 0:
		return invalid("The parameter Aliases must be empty for a staging distribution.")
	case cloudfront.Or(cfg.ContinuousDeploymentPolicyId, "") != "":
		return invalid("The parameter ContinuousDeploymentPolicyId must be empty for a staging distribution.")
	}
	return nil
}
