package origins

import (
	"crypto/sha512"
	"encoding/hex"
	"strings"

	"github.com/warmfront/warmfront/cdn/document"
)

// AccessControl is an origin access control: whether edges sign their requests.
type AccessControl struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// OriginType is "s3" and others that this release does not act on.
	OriginType string `json:"origin_type"`
	// SigningBehavior is "always", "never" or "no-override" (a viewer's
	// Authorization header, where it is forwarded, is kept).
	SigningBehavior string `json:"signing_behavior"`
	SigningProtocol string `json:"signing_protocol"` // "sigv4"
	// Description and ETag are in journals of earlier releases, and in no Plan.
	Description string `json:"description,omitempty"`
	ETag        string `json:"etag,omitempty"`
}

// CompileAccessControl makes an AccessControl of an OriginAccessControlConfig.
func CompileAccessControl(doc *document.Element, id string) (*AccessControl, error) {
	return &AccessControl{
		ID: id, Name: doc.String("Name"), OriginType: doc.String("OriginAccessControlOriginType"),
		SigningBehavior: doc.String("SigningBehavior"), SigningProtocol: doc.String("SigningProtocol"),
	}, nil
}

// AccessIdentity is an origin access identity: the older way in which edges show a
// bucket who they are.
type AccessIdentity struct {
	ID string
	// CanonicalUserID is what a bucket's policy or ACL may name it by.
	CanonicalUserID string
}

// ARN is what a bucket's policy names the identity by as a principal of the kind AWS
// (developer guide, "Give an origin access identity permission to read files in the
// Amazon S3 bucket").
func (i *AccessIdentity) ARN() string { return accessIdentityARN + i.ID }

// accessIdentityARN comes before the id of every origin access identity.
const accessIdentityARN = "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity "

// IdentityOf returns the origin access identity that an ARN names, nil if it
// names none.
func IdentityOf(arn string) *AccessIdentity {
	id, found := strings.CutPrefix(arn, accessIdentityARN)
	if !found || id == "" {
		return nil
	}
	return &AccessIdentity{id, CanonicalUserID(id)}
}

// CompileAccessIdentity makes an AccessIdentity of its id: its configuration says nothing
// that an edge acts on.
func CompileAccessIdentity(_ *document.Element, id string) (*AccessIdentity, error) {
	return &AccessIdentity{id, CanonicalUserID(id)}, nil
}

// CanonicalUserID returns the S3 canonical user id of an origin access identity: 96
// hexadecimal digits. It follows from the id, so that an object store can tell it
// without asking.
func CanonicalUserID(id string) string {
	sum := sha512.Sum384([]byte("origin access identity " + id))
	return hex.EncodeToString(sum[:])
}

// accessIdentityPrefix is what a configuration puts before the id (API,
// S3OriginConfig).
const accessIdentityPrefix = "origin-access-identity/cloudfront/"

// IdentityID returns the id in what a configuration calls an origin access
// identity, "origin-access-identity/cloudfront/ID"; "" if it is none.
func IdentityID(s string) string {
	id, found := strings.CutPrefix(s, accessIdentityPrefix)
	if !found {
		return ""
	}
	return id
}
