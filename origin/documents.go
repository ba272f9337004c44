package origin

import (
	"net/http"

	"github.com/warmfront/warmfront/origin/s3config"
)

// documentOperations are those of a bucket's sub-resources that are documents. What
// no bucket here can have is reported as not configured, which is so: Terraform
// reads all of these.
func documentOperations() map[string]operation {
	out := map[string]operation{
		"bucket GET replication": {name: "GetBucketReplication", action: "s3:GetReplicationConfiguration", serve: notConfigured("ReplicationConfigurationNotFoundError")},
		"bucket PUT replication": {name: "PutBucketReplication", action: "s3:PutReplicationConfiguration", body: true,
			serve: refused("InvalidRequest", "Versioning must be 'Enabled' on the bucket to apply a replication configuration")},
		"bucket GET object-lock": {name: "GetObjectLockConfiguration", action: "s3:GetBucketObjectLockConfiguration", serve: notConfigured("ObjectLockConfigurationNotFoundError")},
		"bucket PUT object-lock": {name: "PutObjectLockConfiguration", action: "s3:PutBucketObjectLockConfiguration", body: true,
			serve: refused("InvalidBucketState", "Object Lock configuration cannot be enabled on existing buckets")},
	}
	for _, d := range []struct {
		kind        s3config.Kind
		name        string // of the call, after Get, Put and Delete
		read, write string // actions, after s3:
		absent      string // the error of a GET; "" where there is a default
		put         int    // the status of a PUT
		stays       bool   // there is no DELETE
	}{
		{s3config.PublicAccess, "PublicAccessBlock", "GetBucketPublicAccessBlock", "PutBucketPublicAccessBlock", "NoSuchPublicAccessBlockConfiguration", http.StatusOK, false},
		{s3config.Ownership, "BucketOwnershipControls", "GetBucketOwnershipControls", "PutBucketOwnershipControls", "OwnershipControlsNotFoundError", http.StatusOK, false},
		{s3config.Tagging, "BucketTagging", "GetBucketTagging", "PutBucketTagging", "NoSuchTagSet", http.StatusNoContent, false},
		{s3config.CORSRules, "BucketCors", "GetBucketCORS", "PutBucketCORS", "NoSuchCORSConfiguration", http.StatusOK, false},
		{s3config.WebsiteRules, "BucketWebsite", "GetBucketWebsite", "PutBucketWebsite", "NoSuchWebsiteConfiguration", http.StatusOK, false},
		{s3config.Lifecycle, "BucketLifecycleConfiguration", "GetLifecycleConfiguration", "PutLifecycleConfiguration", "NoSuchLifecycleConfiguration", http.StatusOK, false},
		{s3config.Encryption, "BucketEncryption", "GetEncryptionConfiguration", "PutEncryptionConfiguration", "ServerSideEncryptionConfigurationNotFoundError", http.StatusOK, false},
		{s3config.Accelerate, "BucketAccelerateConfiguration", "GetAccelerateConfiguration", "PutAccelerateConfiguration", "", http.StatusOK, true},
		{s3config.Logging, "BucketLogging", "GetBucketLogging", "PutBucketLogging", "", http.StatusOK, true},
		{s3config.RequestPayment, "BucketRequestPayment", "GetBucketRequestPayment", "PutBucketRequestPayment", "", http.StatusOK, true},
		{s3config.Versioning, "BucketVersioning", "GetBucketVersioning", "PutBucketVersioning", "", http.StatusOK, true},
		{s3config.Notification, "BucketNotificationConfiguration", "GetBucketNotification", "PutBucketNotification", "", http.StatusOK, true},
	} {
		level := " " + string(d.kind)
		out["bucket GET"+level] = operation{name: "Get" + d.name, action: "s3:" + d.read, serve: getDocument(d.kind, d.absent)}
		out["bucket PUT"+level] = operation{name: "Put" + d.name, action: "s3:" + d.write, serve: putDocument(d.kind, d.put), body: true}
		if !d.stays {
			out["bucket DELETE"+level] = operation{name: "Delete" + d.name, action: "s3:" + d.write, serve: deleteDocument(d.kind)}
		}
	}
	return out
}
