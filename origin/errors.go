package origin

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"

	"github.com/warmfront/warmfront/origin/policy"
	"github.com/warmfront/warmfront/origin/s3disk"
	"github.com/warmfront/warmfront/sigv4"
)

// apiError is an S3 error: a code, a sentence for a person and a status.
type apiError struct {
	code    string
	message string
	status  int
	fields  []field // what S3 adds to the XML of some codes
}

type field struct{ name, value string }

func (e *apiError) Error() string { return e.code + ": " + e.message }

// fault makes an S3 error of a code that standard knows; a message other than
// "" replaces S3's usual one.
func fault(code, message string, fields ...field) *apiError {
	e := standard(code)
	e.fields = fields
	if message != "" {
		e.message = message
	}
	return e
}

// standard gives a code its status and its usual sentence. The codes are those
// of S3's error responses; one that is not here is a 400.
func standard(code string) *apiError {
	switch code {
	case "AccessDenied":
		return &apiError{code: code, status: 403, message: "Access Denied"}
	case "AccessForbidden":
		return &apiError{code: code, status: 403, message: "CORSResponse: CORS is not enabled for this bucket."}
	case "NoSuchBucket":
		return &apiError{code: code, status: 404, message: "The specified bucket does not exist"}
	case "NoSuchKey":
		return &apiError{code: code, status: 404, message: "The specified key does not exist."}
	case "NoSuchUpload":
		return &apiError{code: code, status: 404, message: "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."}
	case "NoSuchBucketPolicy":
		return &apiError{code: code, status: 404, message: "The bucket policy does not exist"}
	case "NoSuchTagSet":
		return &apiError{code: code, status: 404, message: "The TagSet does not exist"}
	case "NoSuchPublicAccessBlockConfiguration":
		return &apiError{code: code, status: 404, message: "The public access block configuration was not found"}
	case "OwnershipControlsNotFoundError":
		return &apiError{code: code, status: 404, message: "The bucket ownership controls were not found"}
	case "NoSuchCORSConfiguration":
		return &apiError{code: code, status: 404, message: "The CORS configuration does not exist"}
	case "NoSuchLifecycleConfiguration":
		return &apiError{code: code, status: 404, message: "The lifecycle configuration does not exist"}
	case "NoSuchWebsiteConfiguration":
		return &apiError{code: code, status: 404, message: "The specified bucket does not have a website configuration"}
	case "ReplicationConfigurationNotFoundError":
		return &apiError{code: code, status: 404, message: "The replication configuration was not found"}
	case "ServerSideEncryptionConfigurationNotFoundError":
		return &apiError{code: code, status: 404, message: "The server side encryption configuration was not found"}
	case "ObjectLockConfigurationNotFoundError":
		return &apiError{code: code, status: 404, message: "Object Lock configuration does not exist for this bucket"}
	case "MethodNotAllowed":
		return &apiError{code: code, status: 405, message: "The specified method is not allowed against this resource."}
	case "BucketAlreadyOwnedByYou":
		return &apiError{code: code, status: 409, message: "Your previous request to create the named bucket succeeded and you already own it."}
	case "BucketNotEmpty":
		return &apiError{code: code, status: 409, message: "The bucket you tried to delete is not empty"}
	case "OperationAborted":
		return &apiError{code: code, status: 409, message: "A conflicting conditional operation is currently in progress against this resource. Please try again."}
	case "MissingContentLength":
		return &apiError{code: code, status: 411, message: "You must provide the Content-Length HTTP header."}
	case "PreconditionFailed":
		return &apiError{code: code, status: 412, message: "At least one of the pre-conditions you specified did not hold"}
	case "InvalidRange":
		return &apiError{code: code, status: 416, message: "The requested range is not satisfiable"}
	case "InvalidPartNumber":
		return &apiError{code: code, status: 416, message: "The requested partnumber is not satisfiable"}
	case "InternalError":
		return &apiError{code: code, status: 500, message: "We encountered an internal error. Please try again."}
	case "NotImplemented":
		return &apiError{code: code, status: 501, message: "A header or query you provided implies functionality that is not implemented."}
	}
	return &apiError{code: code, status: 400, message: badRequest(code)}
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

// errNotModified is an answer rather than an error, but travels as one.
var errNotModified = &apiError{code: "NotModified", status: http.StatusNotModified}

// asAPIError maps every error of the packages below to S3's. known is false for
// one that is the server's own fault.
func asAPIError(err error) (e *apiError, known bool) {
	var signature *sigv4.Error
	var document *policy.Error
	switch {
	case errors.As(err, &e):
		return e, e.code != "InternalError"
	case errors.As(err, &signature):
		return signatureFault(signature), true
	case errors.As(err, &document):
		return fault("MalformedPolicy", document.Message), true
	}
	for _, m := range []struct {
		err  error
		code string
	}{
		{s3disk.ErrNoSuchBucket, "NoSuchBucket"},
		{s3disk.ErrNoSuchKey, "NoSuchKey"},
		{s3disk.ErrBucketExists, "BucketAlreadyOwnedByYou"},
		{s3disk.ErrBucketNotEmpty, "BucketNotEmpty"},
		{s3disk.ErrNoSuchUpload, "NoSuchUpload"},
		{s3disk.ErrInvalidPart, "InvalidPart"},
		{s3disk.ErrPartOrder, "InvalidPartOrder"},
		{s3disk.ErrPartTooSmall, "EntityTooSmall"},
		{s3disk.ErrTooLarge, "EntityTooLarge"},
		{s3disk.ErrInvalidKey, "InvalidURI"},
		{s3disk.ErrBusy, "OperationAborted"},
		{io.ErrUnexpectedEOF, "IncompleteBody"},
		{os.ErrDeadlineExceeded, "RequestTimeout"},
	} {
		if errors.Is(err, m.err) {
			return fault(m.code, ""), true
		}
	}
	return fault("InternalError", ""), false
}

func signatureFault(err *sigv4.Error) *apiError {
	code, message, status := err.S3()
	e := &apiError{code: code, message: message, status: status}
	if err.AccessKeyID != "" {
		e.fields = append(e.fields, field{"AWSAccessKeyId", err.AccessKeyID})
	}
	if err.StringToSign != "" {
		e.fields = append(e.fields, field{"StringToSign", err.StringToSign})
	}
	if err.CanonicalRequest != "" {
		e.fields = append(e.fields, field{"CanonicalRequest", err.CanonicalRequest})
	}
	return e
}

// fail answers with an error, unless a part of another answer has left.
func (c *call) fail(err error) {
	e, known := asAPIError(err)
	if !known {
		c.s.log.Error("origin: request failed", "method", c.r.Method, "bucket", c.bucket, "key", c.key, "request", c.id, "error", err)
	}
	if c.w.status != 0 {
		return
	}
	h := c.w.Header()
	if e.status == http.StatusNotModified {
		c.w.WriteHeader(e.status)
		return
	}
	for _, name := range []string{"Content-Length", "Content-Range", "Content-Encoding", "Content-Disposition", "Cache-Control", "Expires", "ETag", "Last-Modified"} {
		h.Del(name)
	}
	h.Set("Content-Type", "application/xml")
	if e.status == http.StatusMethodNotAllowed {
		h.Set("Allow", "GET, HEAD, PUT, POST, DELETE")
	}
	c.w.WriteHeader(e.status)
	if c.r.Method == http.MethodHead {
		return
	}
	doc := errorDocument{Fields: append([]field{{"Code", e.code}, {"Message", e.message}}, e.fields...)}
	doc.Fields = append(doc.Fields, field{"Resource", c.r.URL.Path}, field{"RequestId", c.id}, field{"HostId", hostID})
	c.encode(doc)
}

const hostID = "warmfront"

type errorDocument struct{ Fields []field }

func (d errorDocument) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	start := xml.StartElement{Name: xml.Name{Local: "Error"}}
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	for _, f := range d.Fields {
		if err := e.EncodeElement(f.value, xml.StartElement{Name: xml.Name{Local: f.name}}); err != nil {
			return err
		}
	}
	return e.EncodeToken(start.End())
}

// rangeFault is InvalidRange as S3 answers it, with what there is to range over.
func rangeFault(size int64, asked string) *apiError {
	return fault("InvalidRange", "", field{"RangeRequested", asked}, field{"ActualObjectSize", strconv.FormatInt(size, 10)})
}
