// Package address finds bucket and key of a request in its Host and path, as S3
// does: virtual-host style, path style and the hosts of websites. It is pure.
package address

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

const letters = "abcdefghijklmnopqrstuvwxyz0123456789"

// Bucket returns the bucket that a Host names in virtual-host style; "" where the
// host is the service and the path begins with the bucket. Buckets are found in
// BUCKET.s3.amazonaws.com, BUCKET.s3.REGION.amazonaws.com, with a dash or
// dualstack as AWS had and has them, in BUCKET.localhost, BUCKET.s3.localhost and
// under each of domains. Website is set for the names of the same patterns with
// s3-website, and for BUCKET.s3-website.localhost.
func Bucket(host string, domains []string) (bucket string, website bool) {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return "", false
	}
	if rest, ok := strings.CutSuffix(host, ".amazonaws.com"); ok {
		return awsBucket(rest)
	}
	for _, d := range append(slices.Clone(domains), "s3.localhost", "localhost") {
		if host == d {
			return "", false
		}
		if rest, ok := strings.CutPrefix(d, "s3."); ok {
			if bucket, ok := strings.CutSuffix(host, ".s3-website."+rest); ok {
				return bucket, true
			}
		}
		if bucket, ok := strings.CutSuffix(host, "."+d); ok {
			return bucket, false
		}
	}
	return "", false
}

// awsBucket finds the bucket before the last label that is an S3 endpoint; a
// bucket's own name may hold dots, and labels that look like one.
func awsBucket(host string) (bucket string, website bool) {
	labels := strings.Split(host, ".")
	for i := len(labels) - 1; i > 0; i-- {
		l := labels[i]
		if l == "s3" || l == "s3-website" || l == "s3-accelerate" || strings.HasPrefix(l, "s3-") && strings.Count(l, "-") >= 2 {
			return strings.Join(labels[:i], "."), strings.HasPrefix(l, "s3-website")
		}
	}
	return "", false
}

// Escape writes a key as the path of a URL.
func Escape(key string) string { return (&url.URL{Path: key}).EscapedPath() }

// Split gives bucket and key of a decoded path. With a bucket in the host
// the whole path is the key. Slashes before the bucket are dropped, as S3's
// path style allows; slashes in a key are its own.
func Split(path, bucket string) (string, string) {
	if bucket != "" {
		return bucket, strings.TrimPrefix(path, "/")
	}
	bucket, key, _ := strings.Cut(strings.TrimLeft(path, "/"), "/")
	return bucket, key
}

// ValidBucket holds a name to S3's naming rules for general-purpose buckets, the
// reserved prefixes and suffixes included.
func ValidBucket(name string) bool {
	_, ip := netip.ParseAddr(name)
	ok := len(name) >= 3 && len(name) <= 63 && ip != nil && strings.Trim(name, letters+".-") == "" &&
		strings.Trim(name[:1]+name[len(name)-1:], letters) == "" && !strings.Contains(name, "..")
	for _, prefix := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		ok = ok && !strings.HasPrefix(name, prefix)
	}
	for _, suffix := range []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3"} {
		ok = ok && !strings.HasSuffix(name, suffix)
	}
	return ok
}
