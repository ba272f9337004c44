// Package s3error knows the codes of Amazon S3's errors: what each says and with
// which HTTP status. It is pure.
package s3error

// Usual gives a code its status and its usual sentence. The codes are those
// of S3's error responses; one that is not here is a 400.
func Usual(code string) (message string, status int) {
	switch code {
	case "AccessDenied":
		return "Access Denied", 403
	case "AccessForbidden":
		return "CORSResponse: CORS is not enabled for this bucket.", 403
	case "NoSuchBucket":
		return "The specified bucket does not exist", 404
	case "NoSuchKey":
		return "The specified key does not exist.", 404
	case "NoSuchUpload":
		return "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.", 404
	case "NoSuchBucketPolicy":
		return "The bucket policy does not exist", 404
	case "NoSuchTagSet":
		return "The TagSet does not exist", 404
	case "NoSuchPublicAccessBlockConfiguration":
		return "The public access block configuration was not found", 404
	case "OwnershipControlsNotFoundError":
		return "The bucket ownership controls were not found", 404
	case "NoSuchCORSConfiguration":
		return "The CORS configuration does not exist", 404
	case "NoSuchLifecycleConfiguration":
		return "The lifecycle configuration does not exist", 404
	case "NoSuchWebsiteConfiguration":
		return "The specified bucket does not have a website configuration", 404
	case "ReplicationConfigurationNotFoundError":
		return "The replication configuration was not found", 404
	case "ServerSideEncryptionConfigurationNotFoundError":
		return "The server side encryption configuration was not found", 404
	case "ObjectLockConfigurationNotFoundError":
		return "Object Lock configuration does not exist for this bucket", 404
	case "MethodNotAllowed":
		return "The specified method is not allowed against this resource.", 405
	case "BucketAlreadyOwnedByYou":
		return "Your previous request to create the named bucket succeeded and you already own it.", 409
	case "BucketNotEmpty":
		return "The bucket you tried to delete is not empty", 409
	case "InvalidBucketState":
		return "The request is not valid with the current state of the bucket.", 409
	case "OperationAborted":
		return "A conflicting conditional operation is currently in progress against this resource. Please try again.", 409
	case "MissingContentLength":
		return "You must provide the Content-Length HTTP header.", 411
	case "PreconditionFailed":
		return "At least one of the pre-conditions you specified did not hold", 412
	case "InvalidRange":
		return "The requested range is not satisfiable", 416
	case "InvalidPartNumber":
		return "The requested partnumber is not satisfiable", 416
	case "InternalError":
		return "We encountered an internal error. Please try again.", 500
	case "NotImplemented":
		return "A header or query you provided implies functionality that is not implemented.", 501
	}
	return badRequest(code), 400
}

func badRequest(code string) string {
	switch code {
	case "BadDigest":
		return "The Content-MD5 or checksum value that you specified did not match what the server received."
	case "EntityTooLarge":
		return "Your proposed upload exceeds the maximum allowed size"
	case "EntityTooSmall":
		return "Your proposed upload is smaller than the minimum allowed size"
	case "IncompleteBody":
		return "You did not provide the number of bytes specified by the Content-Length HTTP header"
	case "InvalidBucketName":
		return "The specified bucket is not valid."
	case "InvalidDigest":
		return "The Content-MD5 you specified was invalid."
	case "InvalidPart":
		return "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."
	case "InvalidPartOrder":
		return "The list of parts was not in ascending order. Parts must be ordered by part number."
	case "InvalidURI":
		return "Couldn't parse the specified URI."
	case "KeyTooLongError":
		return "Your key is too long"
	case "MalformedXML":
		return "The XML you provided was not well-formed or did not validate against our published schema"
	case "MaxMessageLengthExceeded":
		return "Your request was too big."
	case "MetadataTooLarge":
		return "Your metadata headers exceed the maximum allowed metadata size"
	case "RequestTimeout":
		return "Your socket connection to the server was not read from or written to within the timeout period."
	case "AccessControlListNotSupported":
		return "The bucket does not allow ACLs"
	}
	return "The request is not valid."
}
