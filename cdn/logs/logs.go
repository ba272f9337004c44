// Package logs says where the access logs of a distribution go, as its configuration
// does: standard logs (legacy) into a bucket.
//
// Pure: no I/O, no clock.
package logs

import (
	"strings"

	"github.com/warmfront/warmfront/cdn/document"
)

// Standard is where standard logs (legacy) go (API, LoggingConfig).
type Standard struct {
	Bucket string // its name
	// Region is the one that the bucket's host name tells, "" where it tells none.
	Region  string
	Prefix  string // of the files' names
	Cookies bool   // the requests' cookies are written
}

// CompileStandard reads a LoggingConfig; nil if it says that nothing is logged.
func CompileStandard(e *document.Element) *Standard {
	// Kept and given back where nothing is logged.
	s := &Standard{Prefix: e.String("Prefix"), Cookies: e.Bool("IncludeCookies")}
	s.Bucket, s.Region = Bucket(e.String("Bucket"))
	if !e.Bool("Enabled") || s.Bucket == "" {
		return nil
	}
	return s
}

// Bucket is the bucket that a host name stands for, and the region if it tells that:
// "name.s3.amazonaws.com", "name.s3.eu-west-1.amazonaws.com", "name.s3-eu-west-1…".
// A name without ".s3" is the bucket's own.
func Bucket(host string) (name, region string) {
	rest, found := strings.CutSuffix(host, ".amazonaws.com")
	if !found {
		return host, ""
	}
	at := strings.LastIndex(rest, ".s3")
	if at < 0 {
		return rest, ""
	}
	return rest[:at], strings.TrimLeft(rest[at+len(".s3"):], ".-")
}
