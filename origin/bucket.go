package origin

import (
	"encoding/xml"
	"errors"
	"net/http"
	"strings"

	"github.com/warmfront/warmfront/origin/address"
	"github.com/warmfront/warmfront/origin/policy"
	"github.com/warmfront/warmfront/origin/s3config"
	"github.com/warmfront/warmfront/origin/s3disk"
)

// docPolicy is the document that the owner gave as JSON; the others are the XML that
// their GET answers with, by the kinds of s3config.
const docPolicy = "policy"

// defaultRegion is where a bucket is that names no region.
const defaultRegion = "us-east-1"

// document is a sub-resource of the bucket, "" where it was not put.
func document(b *s3disk.Bucket, kind s3config.Kind) string { return b.Documents[string(kind)] }

// publicAccess is the bucket's Block Public Access.
func publicAccess(b *s3disk.Bucket) s3config.Block {
	return s3config.ReadBlock(document(b, s3config.PublicAccess))
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
		Region string         `xml:"LocationConstraint"`
		Tags   []s3config.Tag `xml:"Tags>Tag"`
	}
	doc, err := c.readAll(s3config.MaxBytes)
	if err != nil {
		return err
	}
	if len(doc) > 0 && xml.Unmarshal(doc, &in) != nil {
		return fault("MalformedXML", "")
	}
	b := s3disk.Bucket{Name: c.bucket, Region: in.Region, Documents: s3config.Defaults()}
	switch in.Region {
	case "":
		b.Region = c.s.cfg.Region
	case "EU":
		b.Region = "eu-west-1"
	}
	if len(b.Region) > 32 || strings.Trim(b.Region, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return fault("InvalidLocationConstraint", "The specified location-constraint is not valid")
	}
	if v := h.Get("X-Amz-Object-Ownership"); v != "" {
		if b.Documents[string(s3config.Ownership)], err = s3config.OwnershipDocument(v); err != nil {
			return err
		}
	}
	if len(in.Tags) > 0 {
		if b.Documents[string(s3config.Tagging)], err = s3config.TagsDocument(in.Tags); err != nil {
			return err
		}
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

func checkBucketName(name string) error {
	if !address.ValidBucket(name) {
		return fault("InvalidBucketName", "", field{"BucketName", name})
	}
	return nil
}

// set stores a document of the bucket and answers without a body.
func (c *call) set(name, doc string, status int) error {
	if err := c.s.disk.SetDocument(c.bucket, name, doc); err != nil {
		return err
	}
	c.w.WriteHeader(status)
	return nil
}

func deletePolicy(c *call) error { return c.set(docPolicy, "", http.StatusNoContent) }

// getDocument answers with what was put; where nothing was, with the error
// absent, or if that is "" with what S3 says by default.
func getDocument(kind s3config.Kind, absent string) func(*call) error {
	return func(c *call) error {
		doc := document(c.state, kind)
		if doc == "" && absent != "" {
			return fault(absent, "", field{"BucketName", c.bucket})
		}
		if doc == "" {
			doc = s3config.Empty(kind)
		}
		if kind == s3config.Lifecycle {
			c.w.Header().Set("X-Amz-Transition-Default-Minimum-Object-Size", "all_storage_classes_128K")
		}
		c.w.Header().Set("Content-Type", "application/xml")
		_, _ = c.w.Write([]byte(xml.Header + doc))
		return nil
	}
}

// putDocument stores what s3config accepts.
func putDocument(kind s3config.Kind, status int) func(*call) error {
	return func(c *call) error {
		given, err := c.readAll(s3config.MaxBytes)
		if err != nil {
			return err
		}
		doc, err := s3config.Parse(kind, given)
		if err != nil {
			return err
		}
		if kind == s3config.Logging {
			if target := s3config.LogTarget(doc); target != "" {
				if _, err := c.s.disk.Bucket(target); err != nil {
					return fault("InvalidTargetBucketForLogging", "The target bucket for logging does not exist", field{"TargetBucket", target})
				}
			}
		}
		return c.set(string(kind), doc, status)
	}
}

func deleteDocument(kind s3config.Kind) func(*call) error {
	return func(c *call) error { return c.set(string(kind), "", http.StatusNoContent) }
}

// refused is for what no bucket here can have, with the reason in S3's words.
func refused(code, message string) func(*call) error {
	return func(*call) error { return fault(code, message) }
}

// notConfigured answers what is asked for of which no bucket has one.
func notConfigured(code string) func(*call) error {
	return func(c *call) error { return fault(code, "", field{"BucketName", c.bucket}) }
}

// putACL takes the one list that there is, the owner's alone, and none where
// ownership disables them.
func putACL(c *call) error {
	if s3config.ACLsDisabled(document(c.state, s3config.Ownership)) {
		return fault("AccessControlListNotSupported", "")
	}
	acl := c.r.Header.Get("X-Amz-Acl")
	if strings.HasPrefix(acl, "public-") && publicAccess(c.state).BlockPublicAcls {
		return fault("AccessDenied", "Access Denied: public access control lists are prevented by the BlockPublicAcls setting in S3 Block Public Access")
	}
	if acl != "" && acl != "private" {
		return fault("NotImplemented", "The only list here is private: give others access by a bucket policy.")
	}
	if acl == "" {
		return c.callEngine("acl")
	}
	c.w.WriteHeader(http.StatusOK)
	return nil
}
