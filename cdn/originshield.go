package cdn

import (
	"regexp"

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
		return Errorf("InvalidArgument", "The Origin Shield of the origin %q needs a region, such as us-east-1.", o.ID)
	}
	o.Shield = ShieldRegion(region)
	return nil
}

// ShieldRegion returns the AWS region whose regional edge cache is the Origin Shield
// for origins in a region: that itself where CloudFront offers one there, else the one
// that it recommends (developer guide, "Choosing the AWS Region for Origin Shield").
// A region that the guide does not list stays as it is.
func ShieldRegion(region string) string {
	switch region {
	case "us-west-1":
		return "us-west-2"
	case "af-south-1":
		return "eu-west-1"
	case "ap-east-1":
		return "ap-southeast-1"
	case "ca-central-1":
		return "us-east-1"
	case "eu-south-1":
		return "eu-central-1"
	case "eu-west-3", "eu-north-1":
		return "eu-west-2"
	case "me-south-1":
		return "ap-south-1"
	}
	return region
}
