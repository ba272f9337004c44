package s3config

import (
	"encoding/xml"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Website says how a bucket is served by its website host.
type Website struct {
	XMLName xml.Name `xml:"WebsiteConfiguration"`
	root
	RedirectAll *redirectAll   `xml:"RedirectAllRequestsTo"`
	Index       *indexDocument `xml:"IndexDocument"`
	Error       *errorDocument `xml:"ErrorDocument"`
	Rules       *routingRules  `xml:"RoutingRules"`
}

type redirectAll struct {
	HostName string
	Protocol string `xml:",omitempty"`
}

type indexDocument struct{ Suffix string }

type errorDocument struct{ Key string }

type routingRules struct {
	Rules []routingRule `xml:"RoutingRule"`
}

type routingRule struct {
	Condition *condition `xml:",omitempty"`
	Redirect  redirect
}

type condition struct {
	KeyPrefixEquals             string `xml:",omitempty"`
	HTTPErrorCodeReturnedEquals string `xml:"HttpErrorCodeReturnedEquals,omitempty"`
}

type redirect struct {
	Protocol             string  `xml:",omitempty"`
	HostName             string  `xml:",omitempty"`
	ReplaceKeyPrefixWith *string `xml:",omitempty"`
	ReplaceKeyWith       *string `xml:",omitempty"`
	HTTPRedirectCode     string  `xml:"HttpRedirectCode,omitempty"`
}

const maxRoutingRules = 50 // S3 user guide, "Configure advanced conditional redirects"

func (w *Website) check() error {
	w.XMLName.Space = ""
	w.inNamespace()
	if w.RedirectAll != nil {
		if w.Index != nil || w.Error != nil || w.Rules != nil {
			return refuse("InvalidRequest", "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.")
		}
		if w.RedirectAll.HostName == "" {
			return refuse("InvalidArgument", "The HostName must not be empty")
		}
		return checkProtocol(w.RedirectAll.Protocol)
	}
	switch {
	case w.Index == nil:
		return refuse("InvalidArgument", "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty")
	case w.Index.Suffix == "" || strings.Contains(w.Index.Suffix, "/"):
		return refuse("InvalidArgument", "The IndexDocument Suffix is not well formed")
	case w.Error != nil && w.Error.Key == "":
		return refuse("InvalidArgument", "The ErrorDocument Key is not well formed")
	}
	if w.Rules == nil {
		return nil
	}
	if len(w.Rules.Rules) == 0 || len(w.Rules.Rules) > maxRoutingRules {
		return refuse("InvalidRequest", "%d routing rules provided, the number of routing rules in a website configuration is limited to %d.", len(w.Rules.Rules), maxRoutingRules)
	}
	for _, r := range w.Rules.Rules {
		if err := r.check(); err != nil {
			return err
		}
	}
	return nil
}

func (r routingRule) check() error {
	if c := r.Condition; c != nil && c.HTTPErrorCodeReturnedEquals != "" {
		if n, err := strconv.Atoi(c.HTTPErrorCodeReturnedEquals); err != nil || n < 400 || n > 599 {
			return refuse("InvalidRequest", "The provided HTTP error code (%.32s) is not valid. Valid codes are 4XX or 5XX.", c.HTTPErrorCodeReturnedEquals)
		}
	}
	if code := r.Redirect.HTTPRedirectCode; code != "" && !slices.Contains([]string{"301", "302", "303", "304", "305", "307", "308"}, code) {
		return refuse("InvalidRequest", "The provided HTTP redirect code (%.32s) is not valid. Valid codes are 3XX except 300.", code)
	}
	if r.Redirect.ReplaceKeyPrefixWith != nil && r.Redirect.ReplaceKeyWith != nil {
		return refuse("InvalidRequest", "You can only define ReplaceKeyPrefix or ReplaceKey but not both.")
	}
	if r.Redirect == (redirect{}) {
		return refuse("MalformedXML", malformed)
	}
	return checkProtocol(r.Redirect.Protocol)
}

func checkProtocol(p string) error {
	if p != "" && p != "http" && p != "https" {
		return refuse("InvalidRequest", "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically.")
	}
	return nil
}

// ReadWebsite takes a stored document apart. ok is false where there is none.
func ReadWebsite(doc string) (w Website, ok bool) {
	w, err := read[Website](doc)
	return w, err == nil && doc != ""
}

// Redirect is where a request is sent instead of being answered.
type Redirect struct {
	Location string
	Status   int // 301 unless the rule says otherwise
}

// Key is the object that a path without its leading slash stands for: the index
// document where it ends with a slash or is empty.
func (w Website) Key(path string) string {
	if w.Index != nil && (path == "" || strings.HasSuffix(path, "/")) {
		return path + w.Index.Suffix
	}
	return path
}

// ErrorKey is the object that is served with an error of class 4XX; "" for none.
func (w Website) ErrorKey() string {
	if w.Error == nil {
		return ""
	}
	return w.Error.Key
}

// Route says where a request for a path (without its leading slash) goes that has
// been, or is about to be, answered with a status: 0 is before the object was
// looked for, when only rules without an error code count. Host and protocol are
// those of the request. Nil is nowhere.
func (w Website) Route(path string, status int, protocol, host string) *Redirect {
	if w.RedirectAll != nil {
		return redirect{Protocol: w.RedirectAll.Protocol, HostName: w.RedirectAll.HostName}.to(path, "", protocol, host)
	}
	if w.Rules == nil {
		return nil
	}
	for _, r := range w.Rules.Rules {
		c := condition{}
		if r.Condition != nil {
			c = *r.Condition
		}
		wanted := ""
		if status != 0 {
			wanted = strconv.Itoa(status)
		}
		if c.HTTPErrorCodeReturnedEquals == wanted && strings.HasPrefix(path, c.KeyPrefixEquals) {
			return r.Redirect.to(path, c.KeyPrefixEquals, protocol, host)
		}
	}
	return nil
}

func (r redirect) to(path, prefix, protocol, host string) *Redirect {
	u := url.URL{Scheme: protocol, Host: host}
	if r.Protocol != "" {
		u.Scheme = r.Protocol
	}
	if r.HostName != "" {
		u.Host = r.HostName
	}
	switch {
	case r.ReplaceKeyWith != nil:
		path = *r.ReplaceKeyWith
	case r.ReplaceKeyPrefixWith != nil:
		path = *r.ReplaceKeyPrefixWith + strings.TrimPrefix(path, prefix)
	}
	u.Path = "/" + path
	status, err := strconv.Atoi(r.HTTPRedirectCode)
	if err != nil {
		status = 301
	}
	return &Redirect{Location: u.String(), Status: status}
}
