package admission

import (
	"strconv"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/accesslog"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/policy"
	"github.com/warmfront/warmfront/edge/private"
)

const (
	maxURL     = 8192   // developer guide, "Quotas": maximum length of a URL
	maxRequest = 20_480 // the same: request, with header fields and query string
	// maxStacked is how many distributions may stand before one another (the same): one
	// more is a loop, or as good as one.
	maxStacked = 2
)

// Refusal is why a viewer does not get what it asks for.
type Refusal struct {
	Status   int
	Sentence string // for a person
	// Detail is CloudFront's detailed result type; "" where the status says it.
	Detail string
	// Document is the answer's body, as text/xml; "" for a page of the edge's own.
	Document string
}

// Malformed refuses what is too large or malformed; nil for what is neither.
func Malformed(r *message.Request) *Refusal {
	switch {
	case !strings.HasPrefix(r.Path, "/") || r.Host == "":
		return &Refusal{Status: 400, Sentence: "The request is malformed."}
	case len(r.Path)+len("?")+len(r.Query) > maxURL:
		return &Refusal{Status: 413, Sentence: "The URL is longer than 8,192 bytes."}
	case r.Header.Size()+len(r.Query) > maxRequest:
		return &Refusal{Status: 431, Sentence: "The request's header fields and query string are larger than 20,480 bytes."}
	case (r.Method == "GET" || r.Method == "HEAD") && r.Length != 0:
		return &Refusal{Status: 403, Sentence: "A GET or HEAD request may not have a body."}
	}
	return nil
}

// Check is one thing that a distribution asks of viewers. They are applied in this order.
type Check int

// The checks.
const (
	Loop Check = iota
	Stacked
	Country
	Method
	Protocol
	Signature
	Checks // is how many there are
)

// Gate is what the checks know besides the request. It is the same for all requests of an
// edge.
type Gate struct {
	// Zone names the network in CDN-Loop.
	Zone string
	// Ports are those that viewers may reach a scheme by, besides its own: a URL may have
	// been signed with one of them, or without.
	Ports func(scheme string) []int
}

// Refuse applies all checks to a request that was routed; nil if it passes.
func (g *Gate) Refuse(v *policy.View, s *private.Signature, now time.Time) *Refusal {
	for c := range Checks {
		if r := g.Check(c, v, s, now); r != nil {
			return r
		}
	}
	return nil
}

// Check applies one of them.
func (g *Gate) Check(c Check, v *policy.View, s *private.Signature, now time.Time) *Refusal {
	switch c {
	case Loop:
		if g.loops(v) {
			return &Refusal{Status: 508, Sentence: "The request has come through this distribution before: its origin leads back to it."}
		}
	case Stacked:
		if strings.Count(v.Request.Header.Joined("Via"), ".cloudfront.net (CloudFront)") >= maxStacked {
			return &Refusal{403, "The request has come through too many distributions; it may be going in a circle.", accesslog.LimitExceeded, ""}
		}
	case Country:
		if v.Plan.Countries.Limited() && !v.Plan.Countries.Admit(v.Country()) {
			return &Refusal{403, "This distribution is configured not to serve viewers in your country.", accesslog.ClientGeoBlocked, ""}
		}
	case Method:
		if !v.Behavior.Allows(v.Request.Method) && !v.Strict() {
			return &Refusal{Status: 403, Sentence: "This distribution is not configured to allow the request's method."}
		}
	case Protocol:
		return protocol(v)
	case Signature:
		if v.Behavior.Private && !MustRedirect(v) {
			return g.signed(v, s, now)
		}
	}
	return nil
}

func protocol(v *policy.View) *Refusal {
	switch {
	case v.Request.Scheme != "https" && v.Behavior.ViewerProtocol == cdn.HTTPSOnly:
		return &Refusal{Status: 403, Sentence: "This resource is served over HTTPS only."}
	case MustRedirect(v) && RedirectStatus(v.Request) == 0:
		return &Refusal{Status: 403, Sentence: "This resource is served over HTTPS only, and the request cannot be redirected."}
	}
	return nil
}

// signed refuses a request for private content that is not signed for it.
func (g *Gate) signed(v *policy.View, s *private.Signature, now time.Time) *Refusal {
	refusal := private.Check(*s, v.Behavior.Signers, g.signable(v), now)
	if refusal == nil {
		return nil
	}
	return &Refusal{Status: 403, Sentence: refusal.Why, Document: refusal.Document()}
}

// signable is what a policy may speak of: the URL without its signature, with and without the
// ports by which this network is reached.
func (g *Gate) signable(v *policy.View) private.Request {
	r, rest := v.Request, v.Request.URI()
	urls := []string{r.Scheme + "://" + r.Host + rest}
	for _, port := range g.Ports(r.Scheme) {
		urls = append(urls, r.Scheme+"://"+r.Host+":"+strconv.Itoa(port)+rest)
	}
	return private.Request{URLs: urls, Viewer: r.Viewer.Addr()}
}

// loopParameter says, in a member of CDN-Loop, which distribution a request came
// through (RFC 8586): the member is the network's zone.
const loopParameter = "distribution="

// LoopMark is what the requests of a distribution to origins have in CDN-Loop.
func (g *Gate) LoopMark(distribution string) string {
	return g.Zone + "; " + loopParameter + distribution
}

// loops reports whether the request has come through this distribution before.
func (g *Gate) loops(v *policy.View) bool {
	if !v.Request.Header.Has("CDN-Loop") {
		return false
	}
	for member := range message.Members(v.Request.Header.Joined("CDN-Loop")) {
		zone, rest, _ := strings.Cut(member, ";")
		if strings.EqualFold(strings.TrimSpace(zone), g.Zone) && strings.TrimSpace(rest) == loopParameter+v.Plan.ID {
			return true
		}
	}
	return false
}

// MustRedirect reports whether the viewer is to come again over HTTPS.
func MustRedirect(v *policy.View) bool {
	return v.Request.Scheme != "https" && v.Behavior.ViewerProtocol == cdn.RedirectToHTTPS
}

// RedirectStatus is 301 for GET and HEAD; for the rest 307, which keeps the
// method and is not known before HTTP/1.1: 0 then.
func RedirectStatus(r *message.Request) int {
	switch {
	case r.Method == "GET" || r.Method == "HEAD":
		return 301
	case r.Major < 1 || r.Major == 1 && r.Minor < 1:
		return 0
	}
	return 307
}
