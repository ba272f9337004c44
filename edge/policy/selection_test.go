package policy

import (
	"testing"

	"github.com/warmfront/warmfront/cdn/policies"
)

func TestNormalEncoding(t *testing.T) {
	both := policies.Cache{Gzip: true, Brotli: true}
	for in, want := range map[string]string{
		"": "", "gzip": "gzip", "br": "br", "gzip, br": "br,gzip", "GZIP;q=0.5": "gzip", "gzip;q=0": "", "gzip; q=0.000, br": "br", "deflate, *": "", "x-gzip": "gzip",
	} {
		if got := normalEncoding(in, both); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if normalEncoding("br, gzip", policies.Cache{Gzip: true}) != "gzip" || normalEncoding("gzip", policies.Cache{}) != "" {
		t.Error("an encoding that the policy has off")
	}
}

// TestRequestsToBucketsAreSigned holds the signature to package sigv4's verifier.
func TestSelectCookies(t *testing.T) {
	s := policies.Selection{Mode: policies.SelectNames, Names: []string{"a", "s*"}}
	for in, want := range map[string]string{"": "", "a=1": "a=1", "b=1": "", "a=1;sid=2; b=3 ;a=4": "a=1; sid=2; a=4", "A=1": "", ";;": ""} {
		if got := selectCookies(s, in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if selectCookies(policies.Selection{Mode: policies.SelectAllExcept, Names: []string{"a"}}, "a=1; b=2") != "b=2" {
		t.Error("all except")
	}
}
