package cdn

import (
	"github.com/warmfront/warmfront/cdn/account"
	"github.com/warmfront/warmfront/cdn/document"
)

// ViewerCertificate is the certificate of ACM that a distribution shows for its
// aliases.
type ViewerCertificate struct {
	ARN string
	// ETag changes when another certificate is imported under the ARN.
	ETag string
	// PEM is the certificate and its chain.
	PEM   string
	names *account.Certificate
}

// Covers reports whether the certificate is for a name.
func (c *ViewerCertificate) Covers(name string) bool { return c.names.Covers(name) }

// compileCertificate finds the distribution's certificate. An ARN that is not known
// here is that of a real account: it is kept, listed among what is ignored, and the
// network's authority stands in for it.
func compileCertificate(doc *document.Element, p *Plan, c *compiler) error {
	if doc.Bool("ViewerCertificate", "CloudFrontDefaultCertificate") {
		return nil
	}
	arn := ""
	if e := doc.Child("ViewerCertificate").Child("ACMCertificateArn"); e != nil {
		arn = e.Text // not read, so that it is listed if it comes to nothing
	}
	r := c.resources.Get(ResourceCertificate, arn)
	if arn == "" || r == nil {
		return nil
	}
	doc.At("ViewerCertificate", "ACMCertificateArn")
	doc.At("ViewerCertificate", "SSLSupportMethod") // who sends no SNI is not served: sni-only
	doc.At("ViewerCertificate", "Certificate")      // said twice by older clients
	c.uses = append(c.uses, r.Ref())
	names, err := account.ParseCertificate(r.Document)
	if err != nil {
		return err
	}
	for _, alias := range p.Aliases {
		if !names.Covers(alias) && !c.lenient {
			return Errorf("InvalidViewerCertificate", "The certificate that is attached to your distribution doesn't cover the alternate domain name (CNAME) that you're trying to add: %s.", alias)
		}
	}
	p.Certificate = &ViewerCertificate{ARN: arn, ETag: r.ETag, PEM: names.Leaf + names.Chain, names: names}
	return nil
}
