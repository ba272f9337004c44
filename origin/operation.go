package origin

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// operation is one S3 call.
type operation struct {
	name   string // as the API reference calls it
	action string // what a policy must allow
	serve  func(*call) error
	body   bool // the request has a body that counts
}

// operations lists what is answered, by level, method and sub-resource.
// Everything else that subresources knows is NotImplemented (501); a method
// that no call has is MethodNotAllowed (405).
func operations() map[string]operation {
	all := objectOperations()
	maps.Copy(all, bucketOperations())
	maps.Copy(all, documentOperations())
	return all
}

func bucketOperations() map[string]operation {
	return map[string]operation{
		"service GET": {name: "ListBuckets", action: "s3:ListAllMyBuckets", serve: engineCall("prefix", "max-buckets", "continuation-token", "bucket-region")},

		"bucket PUT":              {name: "CreateBucket", action: "s3:CreateBucket", serve: createBucket, body: true},
		"bucket HEAD":             {name: "HeadBucket", action: "s3:ListBucket", serve: headBucket},
		"bucket DELETE":           {name: "DeleteBucket", action: "s3:DeleteBucket", serve: engineCall()},
		"bucket GET":              {name: "ListObjects", action: "s3:ListBucket", serve: engineCall("list-type", "prefix", "delimiter", "marker", "max-keys", "encoding-type", "continuation-token", "start-after", "fetch-owner")},
		"bucket GET versions":     {name: "ListObjectVersions", action: "s3:ListBucketVersions", serve: engineCall("versions", "prefix", "delimiter", "key-marker", "version-id-marker", "max-keys", "encoding-type")},
		"bucket GET uploads":      {name: "ListMultipartUploads", action: "s3:ListBucketMultipartUploads", serve: listUploads},
		"bucket POST delete":      {name: "DeleteObjects", action: "", serve: deleteObjects, body: true},
		"bucket GET location":     {name: "GetBucketLocation", action: "s3:GetBucketLocation", serve: getLocation},
		"bucket GET policy":       {name: "GetBucketPolicy", action: "s3:GetBucketPolicy", serve: getPolicy},
		"bucket PUT policy":       {name: "PutBucketPolicy", action: "s3:PutBucketPolicy", serve: putPolicy, body: true},
		"bucket DELETE policy":    {name: "DeleteBucketPolicy", action: "s3:DeleteBucketPolicy", serve: deletePolicy},
		"bucket GET policyStatus": {name: "GetBucketPolicyStatus", action: "s3:GetBucketPolicyStatus", serve: getPolicyStatus},
		"bucket GET acl":          {name: "GetBucketAcl", action: "s3:GetBucketAcl", serve: engineCall("acl")},
		"bucket PUT acl":          {name: "PutBucketAcl", action: "s3:PutBucketAcl", serve: putACL, body: true},
	}
}

func objectOperations() map[string]operation {
	return map[string]operation{
		"object GET":             {name: "GetObject", action: "s3:GetObject", serve: getObject},
		"object HEAD":            {name: "HeadObject", action: "s3:GetObject", serve: getObject},
		"object PUT":             {name: "PutObject", action: "s3:PutObject", serve: putObject, body: true},
		"object DELETE":          {name: "DeleteObject", action: "s3:DeleteObject", serve: deleteObject},
		"object GET attributes":  {name: "GetObjectAttributes", action: "s3:GetObject", serve: getAttributes},
		"object GET tagging":     {name: "GetObjectTagging", action: "s3:GetObjectTagging", serve: engineCall("tagging")},
		"object PUT tagging":     {name: "PutObjectTagging", action: "s3:PutObjectTagging", serve: engineCall("tagging"), body: true},
		"object DELETE tagging":  {name: "DeleteObjectTagging", action: "s3:DeleteObjectTagging", serve: engineCall("tagging")},
		"object GET acl":         {name: "GetObjectAcl", action: "s3:GetObjectAcl", serve: engineCall("acl")},
		"object POST uploads":    {name: "CreateMultipartUpload", action: "s3:PutObject", serve: createUpload},
		"object PUT uploadId":    {name: "UploadPart", action: "s3:PutObject", serve: putPart, body: true},
		"object GET uploadId":    {name: "ListParts", action: "s3:ListMultipartUploadParts", serve: listParts},
		"object POST uploadId":   {name: "CompleteMultipartUpload", action: "s3:PutObject", serve: completeUpload, body: true},
		"object DELETE uploadId": {name: "AbortMultipartUpload", action: "s3:AbortMultipartUpload", serve: abortUpload},
	}
}

// subresources are the query parameters that make a request another call.
func subresources() []string {
	return []string{
		"abac", "accelerate", "acl", "analytics", "append", "attributes", "cors", "delete", "encryption", "intelligent-tiering", "inventory",
		"legal-hold", "lifecycle", "location", "logging", "metadataConfiguration", "metadataInventoryTable", "metadataJournalTable",
		"metadataTable", "metrics", "notification", "object-lock", "ownershipControls", "policy", "policyStatus", "publicAccessBlock",
		"renameObject", "replication", "requestPayment", "restore", "retention", "select", "session", "tagging", "torrent",
		"uploadId", "uploads", "versioning", "versions", "website",
	}
}

// classify finds the operation of a request.
func classify(table map[string]operation, method, bucket, key string, query url.Values) (operation, error) {
	level := "service"
	switch {
	case key != "":
		level = "object"
	case bucket != "":
		level = "bucket"
	}
	name := level + " " + method
	found := slices.DeleteFunc(subresources(), func(sub string) bool { return !query.Has(sub) })
	if len(found) > 1 {
		return operation{}, fault("InvalidArgument", "Conflicting query string parameters: "+strings.Join(found, ", "))
	}
	if len(found) == 1 {
		name += " " + found[0]
	}
	if op, ok := table[name]; ok {
		return op, nil
	}
	// POST on a bucket is a browser's form upload, whose signature is a field of
	// the form.
	known := slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete}, method)
	if known && (len(found) == 1 || name == "bucket POST") {
		return operation{}, fault("NotImplemented", "")
	}
	return operation{}, fault("MethodNotAllowed", "")
}
