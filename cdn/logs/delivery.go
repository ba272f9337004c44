package logs

import (
	"encoding/json"
	"strings"
)

// Source is a delivery source of CloudWatch Logs: a distribution whose access logs are
// delivered (standard logging v2). It is the document (JSON) of a resource, whose id
// is the source's name, as are the others.
type Source struct {
	ResourceARN string `json:"resource_arn"`
	LogType     string `json:"log_type"`
}

// DistributionID is the id in the source's ARN.
func (s *Source) DistributionID() string {
	_, id, _ := strings.Cut(s.ResourceARN, ":distribution/")
	return id
}

// Destination is a delivery destination: a bucket, perhaps with a prefix, and the form
// that lines have there.
type Destination struct {
	ResourceARN string `json:"resource_arn"` // "arn:aws:s3:::bucket/prefix"
	Format      string `json:"format"`       // "json", "plain", "w3c" or "parquet"
	Policy      string `json:"policy,omitempty"`
}

// Delivery is what goes from a source to a destination.
type Delivery struct {
	Source      string   `json:"source"`
	Destination string   `json:"destination"`
	Fields      []string `json:"fields"`
	Delimiter   string   `json:"delimiter,omitempty"`
	// SuffixPath is the part of objects' names behind the destination's prefix, with
	// variables.
	SuffixPath string `json:"suffix_path,omitempty"`
	// Hive has each variable's value written as name=value.
	Hive bool `json:"hive,omitempty"`
}

// Read reads a document of one of these types.
func Read[T Source | Destination | Delivery](document string) (*T, error) {
	v := new(T)
	return v, json.Unmarshal([]byte(document), v)
}

// Encode writes one.
func Encode[T Source | Destination | Delivery](v *T) string {
	doc, err := json.Marshal(v)
	if err != nil {
		panic(err) // the types above always marshal
	}
	return string(doc)
}

// Bucket is the destination's bucket, and the prefix of what is put there.
func (d *Destination) Bucket() (name, prefix string) {
	name, prefix, _ = strings.Cut(strings.TrimPrefix(d.ResourceARN, "arn:aws:s3:::"), "/")
	return name, strings.Trim(prefix, "/")
}

// ManagedPath is what CloudFront begins the suffix path with where the destination has
// no prefix.
const ManagedPath = "AWSLogs/{account-id}/CloudFront/"

// Folder is the part of objects' names before that of the file, with variables: "" or
// ending with a slash.
func (d *Delivery) Folder(to *Destination) string {
	_, prefix := to.Bucket()
	path := strings.Trim(d.SuffixPath, "/")
	if prefix == "" && !strings.HasPrefix(path+"/", ManagedPath) {
		path = ManagedPath + path
	}
	if d.Hive {
		path = hive(path)
	}
	folder := strings.Trim(prefix+"/"+path, "/")
	if folder == "" {
		return ""
	}
	return folder + "/"
}

// Variables are those that a suffix path may have, and their names in paths for Hive.
func Variables() map[string]string {
	return map[string]string{
		"{DistributionId}": "DistributionId", "{distributionid}": "distributionid", "{account-id}": "aws-account-id", "{accountid}": "accountid",
		"{yyyy}": "year", "{MM}": "month", "{dd}": "day", "{HH}": "hour",
	}
}

// hive writes variables as name=value.
func hive(path string) string {
	for variable, name := range Variables() {
		path = strings.ReplaceAll(path, variable, name+"="+variable)
	}
	return path
}
