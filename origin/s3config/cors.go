package s3config

import (
	"encoding/xml"
	"slices"
	"strconv"
	"strings"
)

// CORS are a bucket's rules for requests that pages of other origins make.
type CORS struct {
	XMLName xml.Name `xml:"CORSConfiguration"`
	root
	Rules []CORSRule `xml:"CORSRule"`
}

// CORSRule allows origins, methods and headers.
type CORSRule struct {
	ID             string   `xml:",omitempty"`
	AllowedHeaders []string `xml:"AllowedHeader"`
	AllowedMethods []string `xml:"AllowedMethod"`
	AllowedOrigins []string `xml:"AllowedOrigin"`
	ExposeHeaders  []string `xml:"ExposeHeader"`
	MaxAgeSeconds  *int     `xml:",omitempty"`
}

const maxCORSRules = 100 // S3 user guide, "Elements of a CORS configuration"

func (c *CORS) check() error {
	c.XMLName.Space = ""
	c.inNamespace()
	if len(c.Rules) == 0 {
		return refuse("MalformedXML", malformed)
	}
	if len(c.Rules) > maxCORSRules {
		return refuse("InvalidRequest", "The number of CORS rules should not exceed allowed limit of %d rules.", maxCORSRules)
	}
	for i := range c.Rules {
		if err := c.Rules[i].check(); err != nil {
			return err
		}
	}
	return nil
}

func (r *CORSRule) check() error {
	if len(r.AllowedMethods) == 0 || len(r.AllowedOrigins) == 0 || r.MaxAgeSeconds != nil && *r.MaxAgeSeconds < 0 {
		return refuse("MalformedXML", malformed)
	}
	if len(r.ID) > 255 {
		return refuse("InvalidArgument", "ID length should not exceed allowed limit of 255")
	}
	for _, m := range r.AllowedMethods {
		if !slices.Contains([]string{"GET", "PUT", "HEAD", "POST", "DELETE"}, m) {
			return refuse("InvalidRequest", "Found unsupported HTTP method in CORS config. Unsupported method is %.64s", m)
		}
	}
	for _, o := range r.AllowedOrigins {
		if strings.Count(o, "*") > 1 {
			return refuse("InvalidRequest", "AllowedOrigin %q can not have more than one wildcard.", o)
		}
	}
	for _, h := range r.AllowedHeaders {
		if strings.Count(h, "*") > 1 {
			return refuse("InvalidRequest", "AllowedHeader %q can not have more than one wildcard.", h)
		}
	}
	for _, h := range r.ExposeHeaders {
		if strings.Contains(h, "*") {
			return refuse("InvalidRequest", "ExposeHeader %q contains wildcard. We currently do not support wildcard for ExposeHeader.", h)
		}
	}
	return nil
}

// ReadCORS takes a stored document apart; "" has no rules.
func ReadCORS(doc string) (CORS, error) { return read[CORS](doc) }

// Match returns the header fields with which the answer to a request of another
// origin is made readable to its page: by the first rule that allows origin,
// method (of a preflight, the one that is asked for) and each of headers (of a
// preflight alone). Nil is no rule.
func (c CORS) Match(origin, method string, headers []string, preflight bool) map[string]string {
	for _, r := range c.Rules {
		allowed, found := first(r.AllowedOrigins, origin, false)
		if !found || !slices.Contains(r.AllowedMethods, method) || !r.allowsAll(headers) {
			continue
		}
		out := map[string]string{"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true"}
		if allowed == "*" {
			out["Access-Control-Allow-Origin"] = "*"
			delete(out, "Access-Control-Allow-Credentials")
		}
		out["Access-Control-Allow-Methods"] = strings.Join(r.AllowedMethods, ", ")
		if len(r.ExposeHeaders) > 0 {
			out["Access-Control-Expose-Headers"] = strings.Join(r.ExposeHeaders, ", ")
		}
		if r.MaxAgeSeconds != nil {
			out["Access-Control-Max-Age"] = strconv.Itoa(*r.MaxAgeSeconds)
		}
		if preflight && len(headers) > 0 {
			out["Access-Control-Allow-Headers"] = strings.ToLower(strings.Join(headers, ", "))
		}
		return out
	}
	return nil
}

func (r *CORSRule) allowsAll(headers []string) bool {
	for _, h := range headers {
		if _, found := first(r.AllowedHeaders, h, true); !found {
			return false
		}
	}
	return true
}

// first returns the first pattern, with at most one "*", that a value matches.
func first(patterns []string, value string, fold bool) (string, bool) {
	if fold {
		value = strings.ToLower(value)
	}
	for _, p := range patterns {
		compared := p
		if fold {
			compared = strings.ToLower(p)
		}
		before, after, wild := strings.Cut(compared, "*")
		if compared == value || wild && len(value) >= len(before)+len(after) && strings.HasPrefix(value, before) && strings.HasSuffix(value, after) {
			return p, true
		}
	}
	return "", false
}
