package s3config

import (
	"encoding/xml"
	"slices"
)

// Block is a bucket's Block Public Access.
type Block struct {
	XMLName xml.Name `xml:"PublicAccessBlockConfiguration"`
	root
	BlockPublicAcls       bool
	IgnorePublicAcls      bool
	BlockPublicPolicy     bool
	RestrictPublicBuckets bool
}

func (b *Block) check() error {
	b.XMLName.Space = ""
	b.inNamespace()
	return nil
}

// ReadBlock is the bucket's Block Public Access; none set blocks nothing. Only
// what Parse made is stored: were it damaged, everything is blocked.
func ReadBlock(doc string) Block {
	b, err := read[Block](doc)
	if err != nil {
		return Block{BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true}
	}
	return b
}

// The values of object ownership.
const (
	OwnerEnforced  = "BucketOwnerEnforced" // ACLs are disabled
	OwnerPreferred = "BucketOwnerPreferred"
	ObjectWriter   = "ObjectWriter"
)

type ownership struct {
	XMLName xml.Name `xml:"OwnershipControls"`
	root
	Rules []ownershipRule `xml:"Rule"`
}

type ownershipRule struct {
	ObjectOwnership string
}

func (o *ownership) check() error {
	o.XMLName.Space = ""
	o.inNamespace()
	if len(o.Rules) != 1 || !slices.Contains([]string{OwnerEnforced, OwnerPreferred, ObjectWriter}, o.Rules[0].ObjectOwnership) {
		return refuse("MalformedXML", malformed)
	}
	return nil
}

// OwnershipDocument is the document that says one of the values above.
func OwnershipDocument(value string) (string, error) {
	d := ownership{Rules: []ownershipRule{{value}}}
	if err := d.check(); err != nil {
		return "", err
	}
	return encode(d), nil
}

// ACLsDisabled reports whether a bucket with this ownership document takes no ACL.
func ACLsDisabled(doc string) bool {
	o, err := read[ownership](doc)
	return err != nil || len(o.Rules) == 1 && o.Rules[0].ObjectOwnership == OwnerEnforced
}

// Defaults are the documents of a new bucket: since April 2023 S3 blocks public
// access and disables ACLs on every bucket it makes.
func Defaults() map[string]string {
	block := Block{BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true}
	block.inNamespace()
	own := ownership{Rules: []ownershipRule{{OwnerEnforced}}}
	own.inNamespace()
	return map[string]string{string(PublicAccess): encode(block), string(Ownership): encode(own)}
}

// Tags are a bucket's tags.
type Tags struct {
	XMLName xml.Name `xml:"Tagging"`
	root
	Tags []Tag `xml:"TagSet>Tag"`
}

// Tag is one of them.
type Tag struct{ Key, Value string }

const maxTags = 50 // S3 user guide, "Using cost allocation S3 bucket tags"

func (t *Tags) check() error {
	t.XMLName.Space = ""
	t.inNamespace()
	seen := map[string]bool{}
	for _, tag := range t.Tags {
		if tag.Key == "" || seen[tag.Key] || len([]rune(tag.Key)) > 128 || len([]rune(tag.Value)) > 256 {
			return refuse("InvalidTag", "The TagKey or TagValue you have provided is invalid, or a key is given twice")
		}
		seen[tag.Key] = true
	}
	if len(t.Tags) > maxTags {
		return refuse("BadRequest", "Bucket tag count cannot be greater than %d", maxTags)
	}
	return nil
}

// TagsDocument is the document of tags that a bucket is created with.
func TagsDocument(tags []Tag) (string, error) {
	d := Tags{Tags: tags}
	if err := d.check(); err != nil {
		return "", err
	}
	return encode(d), nil
}
