package edge

import (
	"net"
	"strconv"
	"strings"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/accesslog"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/private"
	"github.com/warmfront/warmfront/edge/result"
)

// maxStacked is how many distributions may stand before one another (developer
// guide, "Quotas"): one more is a loop, or as good as one.
const maxStacked = 2

// check is one thing that the distribution asks of viewers. They are applied in this order.
type check int

const (
	checkLoop check = iota
	checkStacked
	checkCountry
	checkMethod
	checkProtocol
	checkSignature
	checks
)

// checkViewer applies what the behavior asks of viewers.
func (x *exchange) checkViewer() *fault {
	for c := range checks {
		if f := x.check(c); f != nil {
			x.done.errorType = map[check]string{checkStacked: accesslog.LimitExceeded, checkCountry: accesslog.ClientGeoBlocked}[c]
			return f
		}
	}
	return nil
}

// check applies one of them.
func (x *exchange) check(c check) *fault {
	switch c {
	case checkLoop:
		if x.loops() {
			return &fault{508, "The request has come through this distribution before: its origin leads back to it."}
		}
	case checkStacked:
		if strings.Count(x.Request.Header.Joined("Via"), ".cloudfront.net (CloudFront)") >= maxStacked {
			return &fault{403, "The request has come through too many distributions; it may be going in a circle."}
		}
	case checkCountry:
		if x.Plan.Countries.Limited() && !x.Plan.Countries.Admit(x.Country()) {
			return &fault{403, "This distribution is configured not to serve viewers in your country."}
		}
	case checkMethod:
		if !x.Behavior.Allows(x.Request.Method) && !x.Strict() {
			return &fault{403, "This distribution is not configured to allow the request's method."}
		}
	case checkProtocol:
		return x.checkScheme()
	case checkSignature:
		if x.Behavior.Private && !x.mustRedirect() {
			return x.checkSigned()
		}
	}
	return nil
}

func (x *exchange) checkScheme() *fault {
	switch {
	case x.Request.Scheme != "https" && x.Behavior.ViewerProtocol == cdn.HTTPSOnly:
		return &fault{403, "This resource is served over HTTPS only."}
	case x.mustRedirect() && x.redirectStatus() == 0:
		return &fault{403, "This resource is served over HTTPS only, and the request cannot be redirected."}
	}
	return nil
}

// checkSigned refuses a request for private content that is not signed for it. A URL may
// have been signed with the port by which this network is reached, or without.
func (x *exchange) checkSigned() *fault {
	r, rest := x.Request, x.Request.URI()
	urls := []string{r.Scheme + "://" + r.Host + rest}
	for _, port := range x.edge.ports(r.Scheme) {
		urls = append(urls, r.Scheme+"://"+r.Host+":"+strconv.Itoa(port)+rest)
	}
	err := private.Check(x.signature, x.Behavior.KeyGroups, private.Request{URLs: urls, Viewer: r.Viewer.Addr()}, x.start)
	if err == nil {
		return nil
	}
	return &fault{403, err.Error()}
}

// ports are those that viewers may reach a scheme by, besides its own.
func (e *Edge) ports(scheme string) []int {
	if scheme == "https" {
		return []int{e.publicHTTPSPort()}
	}
	if a, ok := e.HTTPAddr().(*net.TCPAddr); ok {
		return []int{a.Port}
	}
	return nil
}

// loopParameter says, in a member of CDN-Loop, which distribution a request came
// through (RFC 8586): the member is the network's zone.
const loopParameter = "; distribution="

// loops reports whether the request has come through this distribution before.
func (x *exchange) loops() bool {
	if !x.Request.Header.Has("CDN-Loop") {
		return false
	}
	for member := range message.Members(x.Request.Header.Joined("CDN-Loop")) {
		zone, rest, _ := strings.Cut(member, ";")
		if strings.EqualFold(strings.TrimSpace(zone), x.edge.cfg.Zone) && strings.TrimSpace(rest) == strings.TrimPrefix(loopParameter, "; ")+x.Plan.ID {
			return true
		}
	}
	return false
}

// mustRedirect reports whether the viewer is to come again over HTTPS.
func (x *exchange) mustRedirect() bool {
	return x.Request.Scheme != "https" && x.Behavior.ViewerProtocol == cdn.RedirectToHTTPS
}

// redirectStatus is 301 for GET and HEAD; for the rest 307, which keeps the
// method and is not known before HTTP/1.1: 0 then.
func (x *exchange) redirectStatus() int {
	switch {
	case x.Request.Method == "GET" || x.Request.Method == "HEAD":
		return 301
	case x.Request.Major < 1 || x.Request.Major == 1 && x.Request.Minor < 1:
		return 0
	}
	return 307
}

// redirect sends the viewer to the same URL over HTTPS, at the port by which this
// network is reached.
func (x *exchange) redirect() *message.Response {
	x.done.result = result.Redirect
	location := "https://" + x.Request.Host
	if port := x.edge.publicHTTPSPort(); port != 443 {
		location += ":" + strconv.Itoa(port)
	}
	status := x.redirectStatus()
	resp := x.page(status, "This resource is served over HTTPS.")
	resp.Header.Add("Location", location+x.Request.URI())
	return resp
}
