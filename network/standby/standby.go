// Package standby answers callers of a control's API while that control does not
// lead: it asks the one that does, or says that there is none.
package standby

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/warmfront/warmfront/control/cloudfront"
)

// forwardedBy is the header by which a control that is asked by another that
// stands by, and stands by too, knows not to ask it back.
const forwardedBy = "Warmfront-Forwarded-By"

// Forward sends calls to the leader as they came, with the names and the query
// that they were signed with: clients need not know who leads.
func Forward(to *url.URL, tlsConfig *tls.Config, id string) http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = to.Scheme, to.Host
			r.Out.URL.RawQuery, r.Out.Host = r.In.URL.RawQuery, r.In.Host
			r.Out.Header.Set(forwardedBy, id)
		},
		Transport: &http.Transport{
			TLSClientConfig: tlsConfig, DialContext: (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
			ResponseHeaderTimeout: 30 * time.Second, IdleConnTimeout: 10 * time.Second, DisableCompression: true,
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, _ error) { Unavailable(w, r) },
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(forwardedBy) != "" {
			Unavailable(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	})
}

// Unavailable says, in the caller's dialect, that it is to try again: AWS's tools
// do so by themselves.
func Unavailable(w http.ResponseWriter, r *http.Request) {
	const message = "No control leads at the moment; another takes over within seconds, if etcd has a majority of its members. Try again."
	w.Header().Set("Retry-After", "1")
	if strings.HasPrefix(r.URL.Path, "/warmfront/") {
		doc, _ := json.Marshal(map[string]string{"code": string(cloudfront.CodeServiceUnavailable), "message": message}) // strings
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write(doc) // the caller is gone
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write(cloudfront.CodeServiceUnavailable.Errorf(message).Body(cloudfront.Version, rand.Text())) // the caller is gone
}
