package origin

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/warmfront/warmfront/origin/policy"
	"github.com/warmfront/warmfront/origin/s3config"
	"github.com/warmfront/warmfront/origin/s3disk"
	"github.com/warmfront/warmfront/origin/s3error"
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

// fault makes an S3 error of a code that s3error knows; a message other than
// "" replaces S3's usual one.
func fault(code, message string, fields ...field) *apiError {
	usual, status := s3error.Usual(code)
	e := &apiError{code: code, message: usual, status: status, fields: fields}
	if message != "" {
		e.message = message
	}
	return e
}

// errNotModified is an answer rather than an error, but travels as one.
var errNotModified = &apiError{code: "NotModified", status: http.StatusNotModified}

// asAPIError maps every error of the packages below to S3's. known is false for
// one that is the server's own fault.
func asAPIError(err error) (e *apiError, known bool) {
	var signature *sigv4.Error
	var document *policy.Error
	var configuration *s3config.Error
	switch {
	case errors.As(err, &e):
		return e, e.code != "InternalError"
	case errors.As(err, &signature):
		return signatureFault(signature), true
	case errors.As(err, &document):
		return fault("MalformedPolicy", document.Message), true
	case errors.As(err, &configuration):
		return fault(configuration.Code, configuration.Message), true
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
	if err.Reason == sigv4.Skewed {
		e.fields = append(e.fields, field{"RequestTime", err.RequestTime.UTC().Format("20060102T150405Z")},
			field{"ServerTime", err.ServerTime.UTC().Format(time.RFC3339)}, field{"MaxAllowedSkewMilliseconds", strconv.FormatInt(err.MaxSkew.Milliseconds(), 10)})
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
