package origin

import (
	"encoding/xml"
	"errors"
	"net/http"
	"strings"

	"github.com/warmfront/warmfront/origin/policy"
	"github.com/warmfront/warmfront/origin/s3disk"
)

// The documents of a bucket: the policy as the owner gave it, the others as the
// XML that their GET answers with.
const (
	docPolicy       = "policy"
	docPublicAccess = "publicAccessBlock"
	docTagging      = "tagging"
	docOwnership    = "ownershipControls"
)

// maxDocument bounds the XML of a bucket's sub-resource.
const maxDocument = 64 << 10

type publicAccessBlock struct {
	XMLName               xml.Name `xml:"PublicAccessBlockConfiguration"`
	Xmlns                 string   `xml:"xmlns,attr,omitempty"`
	BlockPublicAcls       bool
	IgnorePublicAcls      bool
	BlockPublicPolicy     bool
	RestrictPublicBuckets bool
}

type ownershipControls struct {
	XMLName   xml.Name `xml:"OwnershipControls"`
	Xmlns     string   `xml:"xmlns,attr,omitempty"`
	Ownership string   `xml:"Rule>ObjectOwnership"`
}

type tagging struct {
	XMLName xml.Name `xml:"Tagging"`
	Xmlns   string   `xml:"xmlns,attr,omitempty"`
	Tags    []tag    `xml:"TagSet>Tag"`
}

type tag struct{ Key, Value string }

// defaultDocuments is what a new bucket has: since April 2023 S3 blocks public
// access and disables ACLs on every bucket it makes.
func defaultDocuments() map[string]string {
	return map[string]string{
		docPublicAccess: marshal(publicAccessBlock{Xmlns: xmlns, BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true}),
		docOwnership:    marshal(ownershipControls{Xmlns: xmlns, Ownership: "BucketOwnerEnforced"}),
	}
}

// marshal is for the documents above, which cannot fail to be XML.
func marshal(v any) string {
	b, err := xml.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// publicAccess is the bucket's Block Public Access; none set blocks nothing.
func publicAccess(b *s3disk.Bucket) (block publicAccessBlock) {
	if doc := b.Documents[docPublicAccess]; doc != "" {
		if err := xml.Unmarshal([]byte(doc), &block); err != nil {
			// Only marshal's output is stored: were it damaged, block everything.
			return publicAccessBlock{BlockPublicPolicy: true, RestrictPublicBuckets: true}
		}
	}
	return block
}

func createBucket(c *call) error {
	h := c.r.Header
	if acl := h.Get("X-Amz-Acl"); acl != "" && acl != "private" {
		return fault("InvalidBucketAclWithObjectOwnership", "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting")
	}
	if strings.EqualFold(h.Get("X-Amz-Bucket-Object-Lock-Enabled"), "true") {
		return fault("NotImplemented", "Object Lock is not supported.")
	}
	var in struct {
		Region string `xml:"LocationConstraint"`
		Tags   []tag  `xml:"Tags>Tag"`
	}
	doc, err := c.readAll(maxDocument)
	if err != nil {
		return err
	}
	if len(doc) > 0 && xml.Unmarshal(doc, &in) != nil {
		return fault("MalformedXML", "")
	}
	b := s3disk.Bucket{Name: c.bucket, Region: in.Region, Documents: defaultDocuments()}
	switch in.Region {
	case "":
		b.Region = c.s.cfg.Region
	case "EU":
		b.Region = "eu-west-1"
	}
	if len(b.Region) > 32 || strings.Trim(b.Region, bucketLetters+"-") != "" {
		return fault("InvalidLocationConstraint", "The specified location-constraint is not valid")
	}
	if v := h.Get("X-Amz-Object-Ownership"); v != "" {
		if b.Documents[docOwnership], err = ownershipDocument(v); err != nil {
			return err
		}
	}
	if len(in.Tags) > 0 {
		b.Documents[docTagging] = marshal(tagging{Xmlns: xmlns, Tags: in.Tags})
	}
	err = c.s.disk.CreateBucket(b)
	// In us-east-1 alone, S3 lets the owner create a bucket again.
	if errors.Is(err, s3disk.ErrBucketExists) && c.state != nil && c.state.Region == defaultRegion && b.Region == defaultRegion {
		err = nil
	}
	if err != nil {
		return err
	}
	c.w.Header().Set("Location", "/"+c.bucket)
	c.w.WriteHeader(http.StatusOK)
	return nil
}

func headBucket(c *call) error {
	c.w.Header().Set("Content-Type", "application/xml")
	c.w.WriteHeader(http.StatusOK)
	return nil
}

func getLocation(c *call) error {
	type location struct {
		XMLName xml.Name `xml:"LocationConstraint"`
		Xmlns   string   `xml:"xmlns,attr"`
		Region  string   `xml:",chardata"`
	}
	out := location{Xmlns: xmlns, Region: c.state.Region}
	if out.Region == defaultRegion { // which S3 says by saying nothing
		out.Region = ""
	}
	c.encode(out)
	return nil
}

func getPolicy(c *call) error {
	doc := c.state.Documents[docPolicy]
	if doc == "" {
		return fault("NoSuchBucketPolicy", "", field{"BucketName", c.bucket})
	}
	c.w.Header().Set("Content-Type", "application/json")
	_, _ = c.w.Write([]byte(doc))
	return nil
}

func putPolicy(c *call) error {
	doc, err := c.readAll(policy.MaxBytes)
	if err != nil {
		return err
	}
	p, err := policy.Parse(c.bucket, doc)
	if err != nil {
		return err
	}
	if p.Public() && publicAccess(c.state).BlockPublicPolicy {
		return fault("AccessDenied", "Access Denied: public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access")
	}
	return c.set(docPolicy, string(doc), http.StatusNoContent)
}

func getPolicyStatus(c *call) error {
	if c.policy == nil {
		return fault("NoSuchBucketPolicy", "", field{"BucketName", c.bucket})
	}
	type status struct {
		XMLName  xml.Name `xml:"PolicyStatus"`
		Xmlns    string   `xml:"xmlns,attr"`
		IsPublic bool
	}
	c.encode(status{Xmlns: xmlns, IsPublic: c.policy.Public()})
	return nil
}

func putPublicAccess(c *call) error {
	var in publicAccessBlock
	if err := c.readXML(maxDocument, &in); err != nil {
		return err
	}
	in.XMLName, in.Xmlns = xml.Name{}, xmlns
	return c.set(docPublicAccess, marshal(in), http.StatusOK)
}

func putTagging(c *call) error {
	var in tagging
	if err := c.readXML(maxDocument, &in); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, t := range in.Tags {
		if t.Key == "" || seen[t.Key] || len([]rune(t.Key)) > 128 || len([]rune(t.Value)) > 256 {
			return fault("InvalidTag", "The TagKey or TagValue you have provided is invalid, or a key is given twice")
		}
		seen[t.Key] = true
	}
	if len(in.Tags) > 50 {
		return fault("BadRequest", "Bucket tag count cannot be greater than 50")
	}
	in.XMLName, in.Xmlns = xml.Name{}, xmlns
	return c.set(docTagging, marshal(in), http.StatusNoContent)
}

func putOwnership(c *call) error {
	var in ownershipControls
	if err := c.readXML(maxDocument, &in); err != nil {
		return err
	}
	doc, err := ownershipDocument(in.Ownership)
	if err != nil {
		return err
	}
	return c.set(docOwnership, doc, http.StatusOK)
}

func ownershipDocument(value string) (string, error) {
	switch value {
	case "BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter":
		return marshal(ownershipControls{Xmlns: xmlns, Ownership: value}), nil
	}
	return "", fault("MalformedXML", "")
}

// set stores a document of the bucket and answers without a body.
func (c *call) set(name, doc string, status int) error {
	if err := c.s.disk.SetDocument(c.bucket, name, doc); err != nil {
		return err
	}
	c.w.WriteHeader(status)
	return nil
}

func getDocument(name, absent string) func(*call) error {
	return func(c *call) error {
		doc := c.state.Documents[name]
		if doc == "" {
			return fault(absent, "", field{"BucketName", c.bucket})
		}
		c.w.Header().Set("Content-Type", "application/xml")
		_, _ = c.w.Write([]byte(xml.Header + doc))
		return nil
	}
}

func deleteDocument(name string) func(*call) error {
	return func(c *call) error { return c.set(name, "", http.StatusNoContent) }
}

func notConfigured(code string) func(*call) error {
	return func(c *call) error { return fault(code, "", field{"BucketName", c.bucket}) }
}

func emptyDocument(element string) func(*call) error {
	return func(c *call) error {
		c.encode(struct {
			XMLName xml.Name
			Xmlns   string `xml:"xmlns,attr"`
		}{xml.Name{Local: element}, xmlns})
		return nil
	}
}

func getRequestPayment(c *call) error {
	c.encode(struct {
		XMLName xml.Name `xml:"RequestPaymentConfiguration"`
		Xmlns   string   `xml:"xmlns,attr"`
		Payer   string
	}{Xmlns: xmlns, Payer: "BucketOwner"})
	return nil
}
