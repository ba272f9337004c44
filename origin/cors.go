package origin

import (
	"net/http"
	"strings"

	"github.com/warmfront/warmfront/origin/s3config"
)

// allowPage adds what the bucket's CORS rules say of a request that a page of
// another origin made. A request that no rule allows is answered all the same:
// the browser keeps the answer from the page.
func (c *call) allowPage() {
	doc := document(c.state, s3config.CORSRules)
	if doc == "" {
		return
	}
	h := c.w.Header()
	// Whoever caches the answer must not give it to another origin.
	h.Set("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")
	origin := c.r.Header.Get("Origin")
	if origin == "" {
		return
	}
	rules, err := s3config.ReadCORS(doc)
	if err != nil {
		return // only what can be read is stored
	}
	for name, v := range rules.Match(origin, c.r.Method, nil, false) {
		h.Set(name, v)
	}
}

// preflight answers a browser that asks before it sends a request. It is not
// signed, and says nothing of whether the request itself will be allowed.
func (c *call) preflight() error {
	origin, method := c.r.Header.Get("Origin"), c.r.Header.Get("Access-Control-Request-Method")
	switch {
	case origin == "":
		return fault("BadRequest", "Insufficient information. Origin request header needed.")
	case method == "":
		return fault("BadRequest", "Invalid Access-Control-Request-Method: null")
	case c.bucket == "":
		return fault("AccessForbidden", "")
	}
	if err := c.loadBucket(); err != nil {
		return err
	}
	kind := "BUCKET"
	if c.key != "" {
		kind = "OBJECT"
	}
	fields := []field{{"Method", method}, {"ResourceType", kind}}
	doc := document(c.state, s3config.CORSRules)
	if doc == "" {
		return fault("AccessForbidden", "", fields...)
	}
	rules, err := s3config.ReadCORS(doc)
	if err != nil {
		return err
	}
	var headers []string
	for name := range strings.SplitSeq(c.r.Header.Get("Access-Control-Request-Headers"), ",") {
		if name = strings.TrimSpace(name); name != "" {
			headers = append(headers, name)
		}
	}
	allowed := rules.Match(origin, method, headers, true)
	if allowed == nil {
		return fault("AccessForbidden", "CORSResponse: This CORS request is not allowed. No rule of the bucket's CORS configuration allows its Origin, Access-Control-Request-Method and Access-Control-Request-Headers.", fields...)
	}
	h := c.w.Header()
	for name, v := range allowed {
		h.Set(name, v)
	}
	h.Set("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")
	h.Set("Content-Length", "0")
	c.w.WriteHeader(http.StatusOK)
	return nil
}
