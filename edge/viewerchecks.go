package edge

import (
	"net"
	"strconv"

	"github.com/warmfront/warmfront/edge/admission"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/result"
)

// refused says why the request gets no answer from the cache or the origin, nil if
// it does.
func (x *exchange) refused() *fault {
	if r := admission.Malformed(x.Request); r != nil {
		return x.refuse(r)
	}
	if f := x.route(); f != nil {
		return f
	}
	if r := x.edge.gate.Refuse(&x.View, &x.signature, x.start); r != nil {
		return x.refuse(r)
	}
	return nil
}

func (x *exchange) refuse(r *admission.Refusal) *fault {
	x.done.ErrorType, x.done.Document = r.Detail, r.Document
	return &fault{r.Status, r.Sentence}
}

// mustRedirect reports whether the viewer is to come again over HTTPS.
func (x *exchange) mustRedirect() bool { return admission.MustRedirect(&x.View) }

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

// redirect sends the viewer to the same URL over HTTPS, at the port by which this
// network is reached.
func (x *exchange) redirect() *message.Response {
	x.done.Type = result.Redirect
	location := "https://" + x.Request.Host
	if port := x.edge.publicHTTPSPort(); port != 443 {
		location += ":" + strconv.Itoa(port)
	}
	resp := x.page(admission.RedirectStatus(x.Request), "This resource is served over HTTPS.")
	resp.Header.Add("Location", location+x.Request.URI())
	return resp
}
