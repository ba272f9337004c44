package policies

import (
	"strconv"
	"strings"

	"github.com/warmfront/warmfront/cdn/apierror"
	"github.com/warmfront/warmfront/cdn/document"
)

// ResponseHeaders says which headers viewers get besides the origin's.
type ResponseHeaders struct {
	ID, Name string
	CORS     *CORS // nil for none
	// Set are the security headers and the custom ones.
	Set []ResponseHeader
	// Remove names the fields of the origin's answer that viewers do not get.
	Remove []string
	// ServerTiming is the share of the answers, in percent, that get a Server-Timing
	// header unasked, where it is enabled at all.
	ServerTiming        float64
	ServerTimingEnabled bool
}

// ResponseHeader is a field that an answer is given.
type ResponseHeader struct {
	Name, Value string
	// Override says that it replaces the origin's; else the origin's is kept.
	Override bool
}

// CORS is what answers to cross-origin requests say (Fetch standard, "CORS
// protocol").
type CORS struct {
	AllowOrigins, AllowHeaders, AllowMethods, ExposeHeaders []string
	AllowCredentials                                        bool
	// MaxAge is in seconds; negative where the header is left out.
	MaxAge   int64
	Override bool // the origin's CORS headers are replaced
}

// CompileResponseHeaders makes a ResponseHeaders of a
// ResponseHeadersPolicyConfig.
func CompileResponseHeaders(doc *document.Element, id string) (*ResponseHeaders, error) {
	p := &ResponseHeaders{ID: id, Name: doc.String("Name")}
	if e := doc.Child("CorsConfig"); e != nil {
		age, err := e.Int(-1, "AccessControlMaxAgeSec")
		if err != nil {
			return nil, apierror.Errorf("MalformedXML", "%v.", err)
		}
		p.CORS = &CORS{
			AllowOrigins: e.Texts("AccessControlAllowOrigins"), AllowHeaders: e.Texts("AccessControlAllowHeaders"),
			AllowMethods: e.Texts("AccessControlAllowMethods"), ExposeHeaders: e.Texts("AccessControlExposeHeaders"),
			AllowCredentials: e.Bool("AccessControlAllowCredentials"), MaxAge: age, Override: e.Bool("OriginOverride"),
		}
	}
	p.Set = securityHeaders(doc.Child("SecurityHeadersConfig"))
	for _, e := range doc.Items("CustomHeadersConfig") {
		p.Set = append(p.Set, ResponseHeader{e.String("Header"), e.String("Value"), e.Bool("Override")})
	}
	for _, h := range p.Set {
		if !IsFieldName(h.Name) || strings.ContainsAny(h.Value, "\r\n\x00") {
			return nil, apierror.Errorf("InvalidArgument", "The header %.300q: %.300q cannot be sent.", h.Name, h.Value)
		}
	}
	for _, e := range doc.Items("RemoveHeadersConfig") {
		p.Remove = append(p.Remove, e.String("Header"))
	}
	if e := doc.Child("ServerTimingHeadersConfig"); e.Bool("Enabled") {
		rate, err := strconv.ParseFloat(strings.TrimSpace(e.String("SamplingRate")), 64)
		if s := e.String("SamplingRate"); s != "" && (err != nil || !(rate >= 0 && rate <= 100)) {
			return nil, apierror.Errorf("InvalidArgument", "The sampling rate %.100q is not from 0 to 100.", s)
		}
		p.ServerTiming, p.ServerTimingEnabled = rate, true
	}
	return p, nil
}

// securityHeaders are the fields of a SecurityHeadersConfig, in the order in which
// the developer guide has them ("Understand response headers policies").
func securityHeaders(e *document.Element) (set []ResponseHeader) {
	add := func(name string, of *document.Element, value string) {
		if of != nil {
			set = append(set, ResponseHeader{name, value, of.Bool("Override")})
		}
	}
	hsts := e.Child("StrictTransportSecurity")
	value := "max-age=" + hsts.String("AccessControlMaxAgeSec")
	if hsts.Bool("IncludeSubdomains") {
		value += "; includeSubDomains"
	}
	if hsts.Bool("Preload") {
		value += "; preload"
	}
	add("Strict-Transport-Security", hsts, value)
	add("X-Content-Type-Options", e.Child("ContentTypeOptions"), "nosniff")
	frame := e.Child("FrameOptions")
	add("X-Frame-Options", frame, frame.String("FrameOption"))
	xss := e.Child("XSSProtection")
	value = "0"
	if xss.Bool("Protection") {
		value = "1"
		if uri := xss.String("ReportUri"); uri != "" {
			value += "; report=" + uri
		} else if xss.Bool("ModeBlock") {
			value += "; mode=block"
		}
	}
	add("X-XSS-Protection", xss, value)
	referrer := e.Child("ReferrerPolicy")
	add("Referrer-Policy", referrer, referrer.String("ReferrerPolicy"))
	csp := e.Child("ContentSecurityPolicy")
	add("Content-Security-Policy", csp, csp.String("ContentSecurityPolicy"))
	return set
}

// IsFieldName reports whether name is a token (RFC 9110 section 5.6.2).
func IsFieldName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"(),/:;<=>?@[\\]{}", c) >= 0 {
			return false
		}
	}
	return name != ""
}
