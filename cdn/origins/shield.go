package origins

import (
	"regexp"

	"github.com/warmfront/warmfront/cdn/apierror"
	"github.com/warmfront/warmfront/cdn/document"
)

// compileShield reads an origin's Origin Shield.
func compileShield(e *document.Element, o *Origin, lenient bool) error {
	region := e.String("OriginShield", "OriginShieldRegion")
	if !e.Bool("OriginShield", "Enabled") {
		return nil
	}
	if !regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`).MatchString(region) {
		if lenient {
			return nil // a release before did not look at it
		}
		return apierror.Errorf("InvalidArgument", "The Origin Shield of the origin %q needs a region, such as us-east-1.", o.ID)
	}
	o.Shield = shieldRegion(region)
	return nil
}

// shieldRegion returns the AWS region whose regional edge cache is the Origin Shield
// for origins in a region: that itself where CloudFront offers one there, else the one
// that it recommends (developer guide, "Choosing the AWS Region for Origin Shield").
// A region that the guide does not list stays as it is.
func shieldRegion(region string) string {
	for _, near := range [...][2]string{
		{"us-west-1", "us-west-2"}, {"af-south-1", "eu-west-1"}, {"ap-east-1", "ap-southeast-1"}, {"ca-central-1", "us-east-1"},
		{"eu-south-1", "eu-central-1"}, {"eu-west-3", "eu-west-2"}, {"eu-north-1", "eu-west-2"}, {"me-south-1", "ap-south-1"},
	} {
		if near[0] == region {
			return near[1]
		}
	}
	return region
}
