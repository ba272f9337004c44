package address

import (
	"strings"
	"testing"
)

func TestHostBucket(t *testing.T) {
	for host, want := range map[string]string{
		"demo.s3.amazonaws.com": "demo", "my.bucket.s3.us-west-2.amazonaws.com:80": "my.bucket", "demo.s3-us-west-2.amazonaws.com": "demo",
		"demo.s3.dualstack.us-west-2.amazonaws.com": "demo", "demo.s3-website-us-east-1.amazonaws.com": "demo", "demo.s3-website.eu-central-1.amazonaws.com": "demo",
		"demo.s3-accelerate.amazonaws.com": "demo", "a.s3.b.s3.us-east-1.amazonaws.com": "a.s3.b", "s3-us-west-2.amazonaws.com": "", "ec2.amazonaws.com": "",
		"s3.amazonaws.com": "", "": "", "192.0.2.1": "", "[2001:db8::1]:9000": "", "localhost": "", "s3.localhost": "", "x.localhost": "x", "x.s3-website.localhost:9000": "x",
	} {
		if got, website := Bucket(host, nil); got != want || website != strings.Contains(host, "s3-website") {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
}
