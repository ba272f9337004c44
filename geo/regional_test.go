package geo

import (
	"math"
	"testing"
)

// TestRegionalEdgeCaches: thirteen, and the nearest to each city (belief 107).
func TestRegionalEdgeCaches(t *testing.T) {
	c := BundledCatalogue()
	if n := len(c.Regional()); n != 13 {
		t.Errorf("%d regional edge caches", n)
	}
	for code, region := range map[string]string{
		"FRA": "eu-central-1", "VIE": "eu-central-1", "JFK": "us-east-1", "SYD": "ap-southeast-2", "GRU": "sa-east-1", "EZE": "sa-east-1", "KIX": "ap-northeast-1", "SEA": "us-west-2", "DXB": "ap-south-1",
	} {
		p, _ := c.ByCode(code)
		if got := c.NearestRegional(p); got.Region != region {
			t.Errorf("%s asks %s, want %s", code, got.Region, region)
		}
	}
	if d := c.Far("FRA", "eu-central-1"); d != 0 {
		t.Errorf("Frankfurt is %v km from its own region", d)
	}
	if d := c.Far("eu-west-2", "us-east-1"); d < 5500 || d > 6200 {
		t.Errorf("London to Virginia: %v km", d)
	}
	for _, unknown := range []string{"", "xx-nowhere-1", "QQQ"} {
		if !math.IsInf(c.Far("FRA", unknown), 1) {
			t.Errorf("%q is somewhere", unknown)
		}
	}
}
