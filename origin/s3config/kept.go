package s3config

import (
	"encoding/xml"
	"slices"
	"strings"
)

// The documents here are kept and given back; none of them makes the store do
// anything.

type lifecycle struct {
	XMLName xml.Name `xml:"LifecycleConfiguration"`
	root
	Rules []lifecycleRule `xml:"Rule"`
}

type lifecycleRule struct {
	ID     string  `xml:",omitempty"`
	Prefix *string `xml:",omitempty"`
	Status string
	// The rest is given back as it came: it is checked for being there only.
	Rest []element `xml:",any"`
}

// element is XML that is kept as it was sent.
type element struct {
	XMLName xml.Name
	Content []element `xml:",any"`
	Text    string    `xml:",chardata"`
}

// plain takes the namespace and the white space of indentation off.
func (e *element) plain() {
	e.XMLName.Space = ""
	if len(e.Content) > 0 {
		e.Text = ""
	}
	for i := range e.Content {
		e.Content[i].plain()
	}
}

func (l *lifecycle) check() error {
	l.XMLName.Space = ""
	l.inNamespace()
	if len(l.Rules) == 0 || len(l.Rules) > 1000 {
		return refuse("MalformedXML", malformed)
	}
	seen := map[string]bool{}
	for i := range l.Rules {
		r := &l.Rules[i]
		acts := 0
		for j := range r.Rest {
			r.Rest[j].plain()
			switch r.Rest[j].XMLName.Local {
			case "Expiration", "Transition", "NoncurrentVersionExpiration", "NoncurrentVersionTransition", "AbortIncompleteMultipartUpload":
				acts++
			case "Filter":
			default:
				return refuse("MalformedXML", malformed)
			}
		}
		switch {
		case r.Status != "Enabled" && r.Status != "Disabled":
			return refuse("MalformedXML", malformed)
		case acts == 0:
			return refuse("InvalidRequest", "At least one action needs to be specified in a rule")
		case len(r.ID) > 255:
			return refuse("InvalidArgument", "ID length should not exceed allowed limit of 255")
		case r.ID != "" && seen[r.ID]:
			return refuse("InvalidArgument", "Rule ID must be unique. Found same ID for more than one rule")
		}
		seen[r.ID] = true
	}
	return nil
}

type encryption struct {
	XMLName xml.Name `xml:"ServerSideEncryptionConfiguration"`
	root
	Rules []encryptionRule `xml:"Rule"`
}

type encryptionRule struct {
	Default *struct {
		SSEAlgorithm   string
		KMSMasterKeyID string `xml:",omitempty"`
	} `xml:"ApplyServerSideEncryptionByDefault"`
	BucketKeyEnabled       *bool    `xml:",omitempty"`
	BlockedEncryptionTypes *element `xml:",omitempty"`
}

func (e *encryption) check() error {
	e.XMLName.Space = ""
	e.inNamespace()
	if len(e.Rules) != 1 || e.Rules[0].Default == nil {
		return refuse("MalformedXML", malformed)
	}
	if b := e.Rules[0].BlockedEncryptionTypes; b != nil {
		b.plain()
	}
	switch d := e.Rules[0].Default; {
	case d.SSEAlgorithm == "AES256" && d.KMSMasterKeyID == "":
		return nil
	case d.SSEAlgorithm == "AES256":
		return refuse("InvalidArgument", "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse")
	case strings.HasPrefix(d.SSEAlgorithm, "aws:kms"):
		return refuse("NotImplemented", "There is no KMS here: AES256 is the only algorithm that can be put.")
	}
	return refuse("MalformedXML", malformed)
}

type accelerate struct {
	XMLName xml.Name `xml:"AccelerateConfiguration"`
	root
	Status string `xml:",omitempty"`
}

func (a *accelerate) check() error {
	a.XMLName.Space = ""
	a.inNamespace()
	if a.Status != "Enabled" && a.Status != "Suspended" {
		return refuse("MalformedXML", malformed)
	}
	return nil
}

// LoggingStatus says where S3 would write a bucket's access logs to.
type LoggingStatus struct {
	XMLName xml.Name `xml:"BucketLoggingStatus"`
	root
	Enabled *struct {
		TargetBucket          string
		TargetPrefix          string
		TargetGrants          *element `xml:",omitempty"`
		TargetObjectKeyFormat *element `xml:",omitempty"`
	} `xml:"LoggingEnabled"`
}

func (l *LoggingStatus) check() error {
	l.XMLName.Space = ""
	l.inNamespace()
	if l.Enabled == nil {
		return nil
	}
	if l.Enabled.TargetBucket == "" {
		return refuse("MalformedXML", malformed)
	}
	for _, e := range []*element{l.Enabled.TargetGrants, l.Enabled.TargetObjectKeyFormat} {
		if e != nil {
			e.plain()
		}
	}
	return nil
}

// LogTarget is the bucket that a stored document of logging names, "" for none.
func LogTarget(doc string) string {
	l, err := read[LoggingStatus](doc)
	if err != nil || l.Enabled == nil {
		return ""
	}
	return l.Enabled.TargetBucket
}

type requestPayment struct {
	XMLName xml.Name `xml:"RequestPaymentConfiguration"`
	root
	Payer string
}

func (r *requestPayment) check() error {
	r.XMLName.Space = ""
	r.inNamespace()
	switch r.Payer {
	case "BucketOwner":
		return nil
	case "Requester":
		return refuse("NotImplemented", "Nobody pays here: the Payer can only be BucketOwner.")
	}
	return refuse("MalformedXML", malformed)
}

type versioning struct {
	XMLName xml.Name `xml:"VersioningConfiguration"`
	root
	Status    string `xml:",omitempty"`
	MfaDelete string `xml:",omitempty"`
}

func (v *versioning) check() error {
	v.XMLName.Space = ""
	v.inNamespace()
	switch {
	case v.Status == "Enabled":
		return refuse("NotImplemented", "Objects have one version here: versioning can be Suspended, not Enabled.")
	case v.Status != "Suspended" || !slices.Contains([]string{"", "Disabled"}, v.MfaDelete):
		return refuse("IllegalVersioningConfigurationException", "The versioning configuration specified in the request is invalid.")
	}
	v.MfaDelete = ""
	return nil
}

type notification struct {
	XMLName xml.Name `xml:"NotificationConfiguration"`
	root
	Rest []element `xml:",any"`
}

func (n *notification) check() error {
	n.XMLName.Space = ""
	n.inNamespace()
	if len(n.Rest) > 0 {
		return refuse("NotImplemented", "There is nobody to notify here: only an empty configuration can be put.")
	}
	return nil
}
