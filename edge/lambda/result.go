package lambda

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/edge/message"
)

// Outcome is what came of a function. Nothing of it is set where everything stays as it
// was.
type Outcome struct {
	// Request goes on in place of the one there was, to Origin where that is set.
	Request *message.Request
	Origin  *origins.Origin
	// Response is the answer: at a request, instead of asking further. At a response its
	// Body is nil where the one there was stays.
	Response *message.Response
	Fault    *Fault
}

// Fault is why a function brought nothing.
type Fault struct {
	Status int    // of the answer
	Result string // CloudFront's result type
	Why    string // for the operator
}

func (f *Fault) Error() string { return f.Result + ": " + f.Why }

// The result types of functions (developer guide, "Standard logging reference").
const (
	ExecutionError  = "LambdaExecutionError"
	LimitExceeded   = "LambdaLimitExceeded"
	ValidationError = "LambdaValidationError"
)

func invalid(format string, args ...any) Outcome {
	return Outcome{Fault: &Fault{502, ValidationError, fmt.Sprintf(format, args...)}}
}

// take makes an outcome of what a function returned.
func (in *Input) take(b []byte) Outcome {
	var kind struct {
		Status *status `json:"status"`
		URI    *string `json:"uri"`
	}
	if err := json.Unmarshal(b, &kind); err != nil {
		return invalid("the function returned no object: %v", err)
	}
	switch {
	case !in.Event.OfRequest() || kind.Status != nil:
		return in.takeResponse(b)
	case kind.URI != nil:
		return in.takeRequest(b)
	}
	return invalid("the function returned neither a request, with its uri, nor a response, with its status")
}

// maxURI is what a uri and a querystring have fewer characters than, together (developer
// guide, "Quotas on Lambda@Edge").
const maxURI = 8192

func (in *Input) takeRequest(b []byte) Outcome {
	var r request
	if err := json.Unmarshal(b, &r); err != nil {
		return invalid("the request that the function returned cannot be read: %v", err)
	}
	was := in.Request
	switch {
	case !strings.HasPrefix(r.URI, "/") || strings.ContainsAny(r.URI, "?# \r\n\x00"):
		return invalid("the uri %.100q does not begin with a slash, or has what belongs into no path", r.URI)
	case strings.ContainsAny(r.Query, "# \r\n\x00"):
		return invalid("the querystring %.100q is not one", r.Query)
	case len(r.URI)+len(r.Query) >= maxURI:
		return invalid("the uri and the querystring have %d characters: fewer than %d are allowed", len(r.URI)+len(r.Query), maxURI)
	case r.Method != was.Method:
		return invalid("the method is read-only")
	case r.ClientIP != was.Viewer.Addr().Unmap().String():
		return invalid("clientIp is read-only")
	}
	before := headersOf(shown(was.Header))
	before["host"] = []field{{"Host", was.Host}}
	h, why := r.Headers.fields(in.Event, before)
	if why != "" {
		return invalid("%s", why)
	}
	// What the function was not shown stays.
	for _, f := range was.Header {
		if disallowed(strings.ToLower(f.Name)) {
			h = append(h, f)
		}
	}
	made := *was
	made.Path, made.Query, made.Header = r.URI, r.Query, h
	if host := r.Headers["host"]; len(host) > 0 {
		made.Host = strings.ToLower(host[0].Value)
	}
	out := Outcome{Request: &made}
	if why := in.replaceBody(&made, r.Body); why != "" {
		return invalid("%s", why)
	}
	if in.Event == OriginRequest {
		o, why := r.Origin.apply(in.Origin, was.Scheme)
		if why != "" {
			return invalid("%s", why)
		}
		for _, f := range o.CustomHeaders {
			if h.Has(f.Name) {
				return invalid("the custom header %s of the origin is a header of the request as well", f.Name)
			}
		}
		out.Origin = o
	}
	return out
}

// replaceBody gives a request the body that the function made, if any.
func (in *Input) replaceBody(r *message.Request, b *body) string {
	if b == nil || b.Action != "replace" {
		return ""
	}
	if in.Body == nil {
		return "the body can be replaced only by functions that are shown it (IncludeBody)"
	}
	data, why := decoded(b.Data, b.Encoding, in.Event.MaxBody())
	if why != "" {
		return "the body: " + why
	}
	r.Body, r.Length, r.Trailer = bytes.NewReader(data), int64(len(data)), nil
	return ""
}

func decoded(data, encoding string, most int) ([]byte, string) {
	b := []byte(data)
	switch encoding {
	case "base64":
		var err error
		if b, err = base64.StdEncoding.DecodeString(data); err != nil {
			return nil, "it is not base64"
		}
	case "text", "":
	default:
		return nil, fmt.Sprintf("the encoding %.20q is neither text nor base64", encoding)
	}
	if len(b) > most {
		return nil, fmt.Sprintf("it has %d bytes: %d are allowed", len(b), most)
	}
	return b, ""
}

func (in *Input) takeResponse(b []byte) Outcome {
	var r response
	if err := json.Unmarshal(b, &r); err != nil {
		return invalid("the response that the function returned cannot be read: %v", err)
	}
	if r.Status < 200 || r.Status > 599 {
		return invalid("the status %d is not one from 200 to 599", r.Status)
	}
	before := headers{}
	if in.Response != nil {
		before = headersOf(shown(in.Response.Header))
	}
	h, why := r.Headers.fields(in.Event, before)
	switch {
	case in.Event.OfRequest(): // there was no response: only what it may not set counts
		h, why = r.Headers.fields(OriginResponse, before)
	case in.Event == ViewerResponse && int(r.Status) != in.Response.Status:
		return invalid("the status cannot be changed at %s", in.Event)
	}
	if why != "" {
		return invalid("%s", why)
	}
	made := &message.Response{Status: int(r.Status), Header: h, Length: -1}
	if in.Response != nil {
		for _, f := range in.Response.Header {
			if disallowed(strings.ToLower(f.Name)) {
				made.Header = append(made.Header, f)
			}
		}
	}
	if in.Event == ViewerRequest && made.Status == 204 && r.Body != nil && *r.Body != "" {
		return invalid("a response with the status 204 has a body")
	}
	if r.Body != nil || in.Event.OfRequest() {
		text := ""
		if r.Body != nil {
			text = *r.Body
		}
		data, why := decoded(text, r.BodyEncoding, in.Event.MaxBody()-min(h.Size(), in.Event.MaxBody()))
		if why != "" {
			return invalid("the response's body: %s", why)
		}
		made.Header.Del("Content-Length")
		made.Body, made.Length = io.NopCloser(bytes.NewReader(data)), int64(len(data))
	}
	return Outcome{Response: made}
}

var domainName = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$`)

// apply returns the origin that a function has made of one; was, where it changed nothing.
func (o *origin) apply(was *origins.Origin, scheme string) (*origins.Origin, string) {
	if o == nil {
		return was, ""
	}
	made := *was
	var own headers
	switch {
	case o.Custom != nil && o.S3 != nil || o.Custom == nil && o.S3 == nil:
		return nil, "the origin is to be one of custom and s3"
	case o.Custom != nil:
		c := o.Custom
		if c.Port != 80 && c.Port != 443 && (c.Port < 1024 || c.Port > 65535) || c.Protocol != "http" && c.Protocol != "https" || c.Read < 1 || c.Read > 120 || c.Keepalive < 1 || c.Keepalive > 120 {
			return nil, "the custom origin's port, protocol, readTimeout or keepaliveTimeout is out of range"
		}
		made.Domain, made.Path, own = c.Domain, c.Path, c.Headers
		made.Kind, made.AccessControl, made.AccessIdentity = origins.Custom, nil, nil
		if was.Kind == origins.Custom && was.Domain == c.Domain {
			made.AccessControl, made.AccessIdentity = was.AccessControl, was.AccessIdentity
		}
		made.Protocol, made.HTTPPort = origins.HTTPOnly, uint16(c.Port)
		if c.Protocol == "https" {
			made.Protocol, made.HTTPPort, made.HTTPSPort = origins.HTTPSOnly, was.HTTPPort, uint16(c.Port)
		}
		made.ReadTimeout, made.KeepaliveTimeout = time.Duration(c.Read)*time.Second, time.Duration(c.Keepalive)*time.Second
		made.TLS = versions(c.TLS)
	default:
		made.Domain, made.Path, own = o.S3.Domain, o.S3.Path, o.S3.Headers
		made.Kind = origins.S3
		if was.Kind != origins.S3 || o.S3.Auth == "none" {
			made.AccessControl, made.AccessIdentity = nil, nil
		}
	}
	if !domainName.MatchString(made.Domain) || len(made.Domain) > 253 {
		return nil, fmt.Sprintf("the origin's domainName %.100q is not one", made.Domain)
	}
	if made.Path != "" && (!strings.HasPrefix(made.Path, "/") || strings.HasSuffix(made.Path, "/") || len(made.Path) > 255 || strings.ContainsAny(made.Path, "?# \r\n\x00")) {
		return nil, fmt.Sprintf("the origin's path %.100q does not begin with a slash, or ends with one", made.Path)
	}
	h, why := own.fields(OriginResponse, nil)
	if why == "" {
		why = tooLarge(h)
	}
	if why != "" {
		return nil, why
	}
	made.Domain, made.CustomHeaders = strings.ToLower(made.Domain), nil
	for _, f := range h {
		made.CustomHeaders = append(made.CustomHeaders, origins.HeaderField{Name: f.Name, Value: f.Value})
	}
	return &made, ""
}

// tooLarge says which quota of an origin's custom headers is exceeded, "" for none
// (developer guide, "Quotas on headers").
func tooLarge(custom message.Header) string {
	const maxName, maxValue, maxTotal = 256, 1783, 10240
	total := 0
	for _, f := range custom {
		total += len(f.Name) + len(f.Value)
		if len(f.Name) > maxName || len(f.Value) > maxValue {
			return fmt.Sprintf("the custom header %.50s has a name of more than %d or a value of more than %d characters", f.Name, maxName, maxValue)
		}
	}
	if total > maxTotal {
		return fmt.Sprintf("the custom headers have %d characters: %d are allowed", total, maxTotal)
	}
	return ""
}

// versions are the versions of TLS of that name, rising; TLS 1.3 is spoken with whoever
// speaks 1.2.
func versions(names []string) (all []uint16) {
	for version, name := range sslProtocols() {
		if slices.Contains(names, name) {
			all = append(all, version)
		}
	}
	if slices.Contains(names, "TLSv1.2") {
		all = append(all, 0x0304)
	}
	slices.Sort(all)
	return all
}
