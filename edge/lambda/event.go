package lambda

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/edge/message"
)

// Event is one of the four moments at which functions run.
type Event string

// The events, as CloudFront's API names them.
const (
	ViewerRequest  Event = "viewer-request"
	OriginRequest  Event = "origin-request"
	OriginResponse Event = "origin-response"
	ViewerResponse Event = "viewer-response"
)

// OfViewer reports whether it is an event of viewers, whose functions may take less.
func (e Event) OfViewer() bool { return e == ViewerRequest || e == ViewerResponse }

// OfRequest reports whether functions may change, or answer, a request at the event; at
// the others they change an answer.
func (e Event) OfRequest() bool { return e == ViewerRequest || e == OriginRequest }

// Timeout is how long a function may take: 5 s at events of viewers, else 30 s.
func (e Event) Timeout() time.Duration {
	if e.OfViewer() {
		return 5 * time.Second
	}
	return 30 * time.Second
}

// MaxBody is how many bytes of a request's body a function is shown, and may replace it
// with, and how large the answer is that it makes: 40 KB at events of viewers, else 1 MB.
func (e Event) MaxBody() int {
	if e.OfViewer() {
		return 40 << 10
	}
	return 1 << 20
}

// Input is what a function is told at an event.
type Input struct {
	Event     Event
	Plan      *cdn.Plan
	RequestID string
	Request   *message.Request
	// Origin is where the request goes, at the event origin-request. Its path is no part of
	// the request's.
	Origin *origins.Origin
	// Response is what there is to answer with, at the two events of responses.
	Response *message.Response
	// Body is as much of the request's body as functions are shown, and Truncated whether
	// there is more. Nil where they are not shown it.
	Body      []byte
	Truncated bool
}

// The shapes of events (developer guide, "Lambda@Edge event structure").
type (
	document struct {
		Records []record `json:"Records"`
	}
	record struct {
		CF content `json:"cf"`
	}
	content struct {
		Config   config    `json:"config"`
		Request  *request  `json:"request"`
		Response *response `json:"response,omitempty"`
	}
	config struct {
		Domain    string `json:"distributionDomainName"`
		ID        string `json:"distributionId"`
		Event     Event  `json:"eventType"`
		RequestID string `json:"requestId"`
	}
	request struct {
		ClientIP string  `json:"clientIp"`
		Headers  headers `json:"headers"`
		Method   string  `json:"method"`
		Query    string  `json:"querystring"`
		URI      string  `json:"uri"`
		Body     *body   `json:"body,omitempty"`
		Origin   *origin `json:"origin,omitempty"`
	}
	body struct {
		Truncated bool   `json:"inputTruncated"`
		Action    string `json:"action"`
		Encoding  string `json:"encoding"`
		Data      string `json:"data"`
	}
	response struct {
		Status       status  `json:"status"`
		Description  string  `json:"statusDescription,omitempty"`
		Headers      headers `json:"headers"`
		Body         *string `json:"body,omitempty"`
		BodyEncoding string  `json:"bodyEncoding,omitempty"`
	}
	origin struct {
		Custom *customOrigin `json:"custom,omitempty"`
		S3     *s3Origin     `json:"s3,omitempty"`
	}
	customOrigin struct {
		Headers   headers  `json:"customHeaders"`
		Domain    string   `json:"domainName"`
		Keepalive int      `json:"keepaliveTimeout"`
		Path      string   `json:"path"`
		Port      int      `json:"port"`
		Protocol  string   `json:"protocol"`
		Read      int      `json:"readTimeout"`
		TLS       []string `json:"sslProtocols"`
	}
	s3Origin struct {
		Auth    string  `json:"authMethod"`
		Headers headers `json:"customHeaders"`
		Domain  string  `json:"domainName"`
		Path    string  `json:"path"`
		Region  string  `json:"region"`
	}
	headers map[string][]field
	field   struct {
		Key   string `json:"key,omitempty"`
		Value string `json:"value"`
	}
)

// status is a number that is written as a string, and read as either.
type status int

func (s status) MarshalJSON() ([]byte, error) { return json.Marshal(strconv.Itoa(int(s))) }

func (s *status) UnmarshalJSON(b []byte) error {
	n, err := strconv.Atoi(strings.Trim(string(b), `"`))
	*s = status(n)
	return err
}

// JSON writes the event.
func (in *Input) JSON() ([]byte, error) {
	r := in.Request
	c := content{
		Config: config{in.Plan.Domain, in.Plan.ID, in.Event, in.RequestID},
		Request: &request{
			ClientIP: r.Viewer.Addr().Unmap().String(), Headers: headersOf(r.Header), Method: r.Method, Query: r.Query, URI: r.Path,
		},
	}
	c.Request.Headers["host"] = []field{{"Host", r.Host}}
	if in.Body != nil {
		c.Request.Body = &body{in.Truncated, "read-only", "base64", base64.StdEncoding.EncodeToString(in.Body)}
	}
	if in.Origin != nil {
		c.Request.Origin = originOf(in.Origin, r.Scheme)
	}
	if in.Response != nil {
		c.Response = &response{Status: status(in.Response.Status), Description: http.StatusText(in.Response.Status), Headers: headersOf(in.Response.Header)}
	}
	return json.Marshal(document{[]record{{c}}})
}

func headersOf(h message.Header) headers {
	all := make(headers, len(h)+1)
	for _, f := range h {
		name := strings.ToLower(f.Name)
		all[name] = append(all[name], field{f.Name, f.Value})
	}
	return all
}

// sslProtocols are the names of versions of TLS, as the API has them.
func sslProtocols() map[uint16]string {
	return map[uint16]string{0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2"}
}

func originOf(o *origins.Origin, scheme string) *origin {
	own := headers{}
	for _, f := range o.CustomHeaders {
		name := strings.ToLower(f.Name)
		own[name] = append(own[name], field{f.Name, f.Value})
	}
	if o.Kind == origins.S3 {
		auth := "none"
		if o.AccessControl != nil || o.AccessIdentity != nil {
			auth = "origin-access-identity"
		}
		return &origin{S3: &s3Origin{Auth: auth, Headers: own, Domain: o.Domain, Path: o.Path, Region: bucketRegion(o.Domain)}}
	}
	c := &customOrigin{
		Headers: own, Domain: o.Domain, Keepalive: int(o.KeepaliveTimeout / time.Second), Path: o.Path,
		Port: int(o.HTTPPort), Protocol: "http", Read: int(o.ReadTimeout / time.Second), TLS: []string{},
	}
	if o.Protocol == origins.HTTPSOnly || o.Protocol == origins.MatchViewer && scheme == "https" {
		c.Port, c.Protocol = int(o.HTTPSPort), "https"
	}
	for version, name := range sslProtocols() {
		if slices.Contains(o.TLS, version) {
			c.TLS = append(c.TLS, name)
		}
	}
	slices.Sort(c.TLS)
	return &origin{Custom: c}
}

// bucketRegion is the region in the name of a bucket's endpoint, "" where it has none.
func bucketRegion(domain string) string {
	_, rest, found := strings.Cut(domain, ".s3.")
	region, _, more := strings.Cut(rest, ".amazonaws.com")
	if !found || !more {
		return ""
	}
	return region
}
