package origin

import (
	"net"
	"net/netip"
	"strings"
)

const (
	defaultRegion = "us-east-1"
	bucketLetters = "abcdefghijklmnopqrstuvwxyz0123456789"
)

// hostBucket is the bucket that a Host names in virtual-host style; "" where the
// host is the service and the path begins with the bucket. Buckets are found in
// BUCKET.s3.amazonaws.com, BUCKET.s3.REGION.amazonaws.com, with a dash or
// dualstack as AWS had and has them, in the website names of the same pattern
// (served as the REST endpoint), in BUCKET.localhost, BUCKET.s3.localhost and
// under each of domains.
func hostBucket(host string, domains []string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return ""
	}
	if rest, ok := strings.CutSuffix(host, ".amazonaws.com"); ok {
		return awsBucket(rest)
	}
	for _, d := range append(domains, "s3.localhost", "localhost") {
		if host == d {
			return ""
		}
		if bucket, ok := strings.CutSuffix(host, "."+d); ok {
			return bucket
		}
	}
	return ""
}

// awsBucket finds the bucket before the last label that is an S3 endpoint; a
// bucket's own name may hold dots, and labels that look like one.
func awsBucket(host string) string {
	labels := strings.Split(host, ".")
	for i := len(labels) - 1; i > 0; i-- {
		l := labels[i]
		if l == "s3" || l == "s3-website" || l == "s3-accelerate" || strings.HasPrefix(l, "s3-") && strings.Count(l, "-") >= 2 {
			return strings.Join(labels[:i], ".")
		}
	}
	return ""
}

// splitPath gives bucket and key of a decoded path. With a bucket in the host
// the whole path is the key. Slashes before the bucket are dropped, as S3's
// path style allows; slashes in a key are its own.
func splitPath(path, bucket string) (string, string) {
	if bucket != "" {
		return bucket, strings.TrimPrefix(path, "/")
	}
	bucket, key, _ := strings.Cut(strings.TrimLeft(path, "/"), "/")
	return bucket, key
}

// checkBucketName holds a name to S3's naming rules for general-purpose
// buckets, the reserved prefixes and suffixes included.
func checkBucketName(name string) error {
	_, ip := netip.ParseAddr(name)
	ok := len(name) >= 3 && len(name) <= 63 && ip != nil && strings.Trim(name, bucketLetters+".-") == "" &&
		strings.Trim(name[:1]+name[len(name)-1:], bucketLetters) == "" && !strings.Contains(name, "..")
	for _, prefix := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		ok = ok && !strings.HasPrefix(name, prefix)
	}
	for _, suffix := range []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3"} {
		ok = ok && !strings.HasSuffix(name, suffix)
	}
	if !ok {
		return fault("InvalidBucketName", "", field{"BucketName", name})
	}
	return nil
}
