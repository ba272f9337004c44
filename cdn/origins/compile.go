package origins

import (
	"slices"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn/apierror"
	"github.com/warmfront/warmfront/cdn/document"
)

// Access finds, by their ids, the ways in which edges show an origin who they are: nil for
// the id "".
type Access interface {
	AccessControl(id string) (*AccessControl, error)
	AccessIdentity(id string) (*AccessIdentity, error)
}

// Compile reads the origins of a DistributionConfig. Its errors are *apierror.Error, with
// CloudFront's codes. Where it is lenient it passes over what releases before did not look
// at.
func Compile(doc *document.Element, access Access, lenient bool) ([]Origin, error) {
	var all []Origin
	for _, e := range doc.Items("Origins") {
		o, err := compileOrigin(e, access, lenient)
		if err != nil {
			return nil, err
		}
		if index(all, o.ID) >= 0 {
			return nil, apierror.Errorf("InvalidArgument", "The origin id %q is used more than once.", o.ID)
		}
		all = append(all, o)
	}
	if len(all) == 0 {
		return nil, apierror.Errorf("InvalidArgument", "A distribution needs at least one origin.")
	}
	return all, nil
}

// index returns that of the origin with that id, -1 if there is none.
func index(all []Origin, id string) int {
	return slices.IndexFunc(all, func(o Origin) bool { return o.ID == id })
}

func compileOrigin(e *document.Element, access Access, lenient bool) (Origin, error) {
	o := Origin{ID: e.String("Id"), Domain: strings.ToLower(e.String("DomainName")), Path: e.String("OriginPath")}
	if o.ID == "" || o.Domain == "" || strings.ContainsAny(o.Domain, "/ @?#") {
		return o, apierror.Errorf("InvalidOrigin", "The origin %q has the domain name %q, which is not a host name.", o.ID, o.Domain)
	}
	if o.Path != "" && (!strings.HasPrefix(o.Path, "/") || strings.HasSuffix(o.Path, "/")) {
		return o, apierror.Errorf("InvalidArgument", "The origin path %q must begin with a slash and not end with one.", o.Path)
	}
	for _, h := range e.Items("CustomHeaders") {
		o.CustomHeaders = append(o.CustomHeaders, HeaderField{h.String("HeaderName"), h.String("HeaderValue")})
	}
	if custom := e.Child("CustomOriginConfig"); custom != nil {
		if err := compileCustomOrigin(custom, &o, lenient); err != nil {
			return o, err
		}
	} else {
		o.Kind = S3
		o.HTTPPort, o.HTTPSPort = 80, 443
		e.Child("S3OriginConfig")
	}
	var err error
	if o.AccessControl, err = access.AccessControl(e.String("OriginAccessControlId")); err != nil {
		return o, err
	}
	identity := e.String("S3OriginConfig", "OriginAccessIdentity")
	id := IdentityID(identity)
	if identity != "" && id == "" && !lenient {
		return o, apierror.Errorf("InvalidOriginAccessIdentity", "The origin access identity %q does not have the form %sID.", identity, accessIdentityPrefix)
	}
	if o.AccessIdentity, err = access.AccessIdentity(id); err != nil {
		return o, err
	}
	if err := compileShield(e, &o, lenient); err != nil {
		return o, err
	}
	return o, compileOriginTimes(e, &o)
}

func compileCustomOrigin(e *document.Element, o *Origin, lenient bool) error {
	httpPort, err1 := e.Int(80, "HTTPPort")
	httpsPort, err2 := e.Int(443, "HTTPSPort")
	if err1 != nil || err2 != nil || !validPort(httpPort) || !validPort(httpsPort) {
		return apierror.Errorf("InvalidArgument", "The ports of the origin %q must be whole numbers from 1 to 65535.", o.ID)
	}
	o.HTTPPort, o.HTTPSPort = uint16(httpPort), uint16(httpsPort)
	switch policy := e.String("OriginProtocolPolicy"); policy {
	case "http-only":
		o.Protocol = HTTPOnly
	case "https-only":
		o.Protocol = HTTPSOnly
	case "match-viewer":
		o.Protocol = MatchViewer
	default:
		return apierror.Errorf("InvalidArgument", "The origin protocol policy %q is not one of http-only, https-only, match-viewer.", policy)
	}
	return compileOriginTLS(e, o, lenient)
}

// compileOriginTLS reads OriginSslProtocols. TLS 1.3 has no name there: it is spoken
// with whoever speaks 1.2 (developer guide, "Supported protocols and ciphers between
// CloudFront and the origin").
func compileOriginTLS(e *document.Element, o *Origin, lenient bool) error {
	named := e.Texts("OriginSslProtocols")
	for _, name := range named {
		version, ok := map[string]uint16{"SSLv3": 0, "TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303}[name]
		if version > 0 {
			o.TLS = append(o.TLS, version)
		}
		if version == 0x0303 {
			o.TLS = append(o.TLS, 0x0304)
		}
		if !ok && !lenient {
			return apierror.Errorf("InvalidArgument", "The origin SSL protocol %q is not one of SSLv3, TLSv1, TLSv1.1, TLSv1.2.", name)
		}
	}
	if len(named) > 0 && len(o.TLS) == 0 && !lenient {
		return apierror.Errorf("InvalidArgument", "The origin %q is to be spoken to by SSLv3 alone, which is not spoken here: add TLSv1.2 to its OriginSslProtocols.", o.ID)
	}
	slices.Sort(o.TLS)
	o.TLS = slices.Compact(o.TLS)
	return nil
}

func validPort(n int64) bool { return n >= 1 && n <= 65535 }

// compileOriginTimes reads attempts and time-outs with CloudFront's defaults and
// ranges (developer guide, "Quotas").
func compileOriginTimes(e *document.Element, o *Origin) error {
	kind := "CustomOriginConfig"
	if o.Kind == S3 {
		kind = "S3OriginConfig"
	}
	attempts, err := e.Int(3, "ConnectionAttempts")
	if err != nil || attempts < 1 || attempts > 3 {
		return apierror.Errorf("InvalidArgument", "The connection attempts of the origin %q must be 1, 2 or 3.", o.ID)
	}
	o.ConnectAttempts = int(attempts)
	for _, t := range []struct {
		to        *time.Duration
		def, most int64
		at        []string
		code      string
	}{
		{&o.ConnectTimeout, 10, 10, []string{"ConnectionTimeout"}, "InvalidArgument"},
		{&o.ReadTimeout, 30, 120, []string{kind, "OriginReadTimeout"}, "InvalidOriginReadTimeout"},
		{&o.KeepaliveTimeout, 5, 120, []string{"CustomOriginConfig", "OriginKeepaliveTimeout"}, "InvalidOriginKeepaliveTimeout"},
	} {
		n, err := e.Int(t.def, t.at...)
		if err != nil || n < 1 || n > t.most {
			return apierror.Errorf(t.code, "%s of the origin %q must be from 1 to %d seconds.", t.at[len(t.at)-1], o.ID, t.most)
		}
		*t.to = time.Duration(n) * time.Second
	}
	if whole, err := e.Int(0, "ResponseCompletionTimeout"); err == nil {
		const year = 365 * 86400
		o.CompletionTimeout = time.Duration(min(max(whole, 0), year)) * time.Second
	}
	return nil
}
