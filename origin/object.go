package origin

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/warmfront/warmfront/origin/policy"
	"github.com/warmfront/warmfront/origin/s3disk"
)

// maxUserMetadata is what x-amz-meta-* names and values may come to, as at S3.
const maxUserMetadata = 2 << 10

// getObject answers GetObject and HeadObject.
func getObject(c *call) error {
	info, f, err := c.s.disk.Get(c.bucket, c.key)
	if errors.Is(err, s3disk.ErrNoSuchKey) {
		return c.missing()
	}
	if err != nil {
		return err
	}
	defer f.Close()
	h := c.w.Header()
	h.Set("ETag", `"`+info.ETag+`"`)
	h.Set("Last-Modified", info.Modified.UTC().Format(http.TimeFormat))
	for _, name := range []string{"Cache-Control", "Expires"} {
		if v := info.Headers[name]; v != "" {
			h.Set(name, v)
		}
	}
	if err := requestConditions(c.r.Header, "").read(info, errNotModified); err != nil {
		return err
	}
	rng, err := c.selectRange(info)
	if err != nil {
		return err
	}
	if err := c.describe(info, rng); err != nil {
		return err
	}
	if rng == nil {
		rng = &byteRange{0, info.Size}
	}
	h.Set("Content-Length", strconv.FormatInt(rng.length, 10))
	status := http.StatusOK
	if h.Get("Content-Range") != "" {
		status = http.StatusPartialContent
	}
	c.w.WriteHeader(status)
	if c.r.Method == http.MethodHead {
		return nil
	}
	return c.send(f, *rng)
}

// selectRange is the part of the object that Range or partNumber asks for; nil
// for the whole.
func (c *call) selectRange(info *s3disk.Info) (*byteRange, error) {
	asked := c.r.Header.Get("Range")
	if v := c.query.Get("partNumber"); v != "" {
		n, err := strconv.Atoi(v)
		switch {
		case err != nil || n < 1 || n > s3disk.MaxParts:
			return nil, fault("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive", field{"ArgumentName", "partNumber"}, field{"ArgumentValue", v})
		case asked != "":
			return nil, fault("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
		}
		return partRange(info, n)
	}
	if asked == "" || !ifRange(c.r.Header.Get("If-Range"), info.ETag, info.Modified) {
		return nil, nil
	}
	rng, ok := parseRange(asked, info.Size)
	if !ok {
		return nil, rangeFault(info.Size, asked)
	}
	return rng, nil
}

// partRange is where part n lies. An object that was not uploaded in parts is
// its own first part.
func partRange(info *s3disk.Info, n int) (*byteRange, error) {
	parts := info.Parts
	if len(parts) == 0 {
		parts = []int64{info.Size}
	}
	if n > len(parts) {
		return nil, fault("InvalidPartNumber", "")
	}
	rng := &byteRange{length: parts[n-1]}
	for _, size := range parts[:n-1] {
		rng.first += size
	}
	return rng, nil
}

// describe sets the headers of an object, and those that the request asks to
// have otherwise.
func (c *call) describe(info *s3disk.Info, rng *byteRange) error {
	h := c.w.Header()
	h.Set("Accept-Ranges", "bytes")
	h.Set("Content-Type", "binary/octet-stream")
	for name, v := range info.Headers {
		// Clients take the case of metadata names from the answer; S3 sends
		// them in lower case.
		if strings.HasPrefix(name, "X-Amz-Meta-") {
			h[strings.ToLower(name)] = []string{v}
		} else {
			h.Set(name, v)
		}
	}
	if info.Tags != "" {
		h.Set("X-Amz-Tagging-Count", strconv.Itoa(len(parseTags(info.Tags))))
	}
	if len(info.Parts) > 0 && c.query.Has("partNumber") {
		h.Set("X-Amz-Mp-Parts-Count", strconv.Itoa(len(info.Parts)))
	}
	if rng != nil && info.Size > 0 {
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", rng.first, rng.first+rng.length-1, info.Size))
	}
	// A checksum is of the whole object, and clients hold what they got to it.
	if rng == nil && strings.EqualFold(c.r.Header.Get("X-Amz-Checksum-Mode"), "ENABLED") {
		for name, v := range info.Checksums {
			h.Set(name, v)
			h.Set("X-Amz-Checksum-Type", "FULL_OBJECT")
		}
	}
	for _, name := range []string{"Content-Type", "Content-Language", "Expires", "Cache-Control", "Content-Disposition", "Content-Encoding"} {
		v := c.query.Get("response-" + strings.ToLower(name))
		if v == "" {
			continue
		}
		if c.who.Anonymous() {
			return fault("InvalidRequest", "Request specific response headers cannot be used for anonymous GET requests.")
		}
		h.Set(name, v)
	}
	return nil
}

// sendPiece is how much must leave within the idle time-out.
const sendPiece = 1 << 20

// send copies part of a file to the client, which gets a fresh time-out with
// every piece: a download may take hours as long as it goes on.
func (c *call) send(f *os.File, rng byteRange) error {
	if _, err := f.Seek(rng.first, io.SeekStart); err != nil {
		panic(http.ErrAbortHandler) // the status has left: cut the answer short
	}
	control := http.NewResponseController(c.w)
	defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
	for rng.length > 0 {
		_ = control.SetWriteDeadline(time.Now().Add(c.s.cfg.IdleTimeout))
		n, err := io.CopyN(c.w, f, min(rng.length, sendPiece))
		rng.length -= n
		if err != nil {
			c.s.log.Debug("origin: answer cut short", "bucket", c.bucket, "key", c.key, "error", err)
			panic(http.ErrAbortHandler)
		}
	}
	return nil
}

// putObject answers PutObject and CopyObject: checked here, carried out by the
// engine.
func putObject(c *call) error {
	if _, err := c.writeHeaders(); err != nil {
		return err
	}
	var err error
	if c.condition, err = requestConditions(c.r.Header, "").write(); err != nil {
		return err
	}
	if c.r.Header.Get("X-Amz-Copy-Source") != "" {
		if _, err := c.copySource(); err != nil {
			return err
		}
		return c.callEngine()
	}
	if err := c.checkLength(); err != nil {
		return err
	}
	return c.callEngine()
}

// checkLength refuses a body of unknown or too great a length before it comes.
func (c *call) checkLength() error {
	switch {
	case c.body.length < 0:
		return fault("MissingContentLength", "")
	case c.body.length > c.s.cfg.MaxObjectBytes:
		return fault("EntityTooLarge", "", field{"ProposedSize", strconv.FormatInt(c.body.length, 10)}, field{"MaxSizeAllowed", strconv.FormatInt(c.s.cfg.MaxObjectBytes, 10)})
	}
	return nil
}

// writeHeaders checks the headers of a request that makes an object and
// returns those that are kept with it.
func (c *call) writeHeaders() (map[string]string, error) {
	h := c.r.Header
	if acl := h.Get("X-Amz-Acl"); acl != "" && acl != "private" && acl != "bucket-owner-full-control" {
		return nil, fault("AccessControlListNotSupported", "")
	}
	kept, size := map[string]string{}, 0
	for name, values := range h {
		switch {
		case strings.HasPrefix(name, "X-Amz-Grant-"):
			return nil, fault("AccessControlListNotSupported", "")
		case strings.HasPrefix(name, "X-Amz-Server-Side-Encryption") && (name != "X-Amz-Server-Side-Encryption" || values[0] != "AES256"):
			return nil, fault("NotImplemented", "Server-side encryption with KMS or customer keys is not supported.")
		case strings.HasPrefix(name, "X-Amz-Object-Lock-"):
			return nil, fault("InvalidRequest", "Bucket is missing Object Lock Configuration")
		case strings.HasPrefix(name, "X-Amz-Meta-"):
			size += len(name) - len("X-Amz-Meta-") + len(values[0])
		}
		if keptHeader(name) {
			kept[name] = values[0]
		}
	}
	if size > maxUserMetadata {
		return nil, fault("MetadataTooLarge", "", field{"Size", strconv.Itoa(size)}, field{"MaxSizeAllowed", strconv.Itoa(maxUserMetadata)})
	}
	if v, ok := kept["Content-Encoding"]; ok {
		// aws-chunked is how the body was sent, not what it is.
		codings := slices.DeleteFunc(strings.Split(v, ","), func(s string) bool { return strings.TrimSpace(s) == "aws-chunked" })
		if kept["Content-Encoding"] = strings.TrimSpace(strings.Join(codings, ",")); kept["Content-Encoding"] == "" {
			delete(kept, "Content-Encoding")
		}
	}
	if h.Get("X-Amz-Tagging") != "" {
		if err := c.authorize("s3:PutObjectTagging", c.key); err != nil {
			return nil, err
		}
		return kept, checkTags(h.Get("X-Amz-Tagging"))
	}
	return kept, nil
}

// keptHeader tells whether S3 keeps a header with the object.
func keptHeader(name string) bool {
	switch name {
	case "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Type", "Expires", "X-Amz-Storage-Class", "X-Amz-Website-Redirect-Location":
		return true
	}
	return strings.HasPrefix(name, "X-Amz-Meta-")
}

// parseTags reads URL-encoded tags; those that are stored have been checked.
func parseTags(s string) url.Values {
	v, _ := url.ParseQuery(s)
	return v
}

func checkTags(s string) error {
	v, err := url.ParseQuery(s)
	if err != nil {
		return fault("InvalidArgument", "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
	}
	if len(v) > 10 {
		return fault("BadRequest", "Object tags cannot be greater than 10")
	}
	for name, values := range v {
		if name == "" || len([]rune(name)) > 128 || len(values) != 1 || len([]rune(values[0])) > 256 {
			return fault("InvalidTag", "The TagKey or TagValue you have provided is invalid")
		}
	}
	return nil
}

// copySource finds the source of a copy, which the caller must be allowed to
// read and which must meet the conditions. The header is rewritten so that the
// engine cannot read it another way.
func (c *call) copySource() (*s3disk.Info, error) {
	h := c.r.Header
	path, version, _ := strings.Cut(h.Get("X-Amz-Copy-Source"), "?")
	bucket, key, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	key, err := url.PathUnescape(key)
	if !ok || err != nil || bucket == "" || key == "" {
		return nil, fault("InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey", field{"ArgumentName", "x-amz-copy-source"}, field{"ArgumentValue", path})
	}
	if version != "" && version != "versionId=null" {
		return nil, fault("InvalidArgument", "Invalid version id specified", field{"ArgumentName", "versionId"}, field{"ArgumentValue", strings.TrimPrefix(version, "versionId=")})
	}
	state, err := c.s.disk.Bucket(bucket)
	if err != nil {
		return nil, fault("NoSuchBucket", "", field{"BucketName", bucket})
	}
	var p *policy.Policy
	if p, err = c.s.policies.of(state); err != nil {
		return nil, err
	}
	if err := c.authorizeIn(state, p, "s3:GetObject", key); err != nil {
		return nil, err
	}
	info, err := c.s.disk.Head(bucket, key)
	if errors.Is(err, s3disk.ErrNoSuchKey) {
		if err := c.authorizeIn(state, p, "s3:ListBucket", ""); err != nil {
			return nil, err
		}
		return nil, fault("NoSuchKey", "", field{"Key", key})
	}
	if err != nil {
		return nil, err
	}
	h.Set("X-Amz-Copy-Source", "/"+bucket+"/"+url.QueryEscape(key))
	c.source = object{bucket, key}
	return info, requestConditions(h, "X-Amz-Copy-Source-").read(info, fault("PreconditionFailed", ""))
}

func deleteObject(c *call) error {
	condition, err := requestConditions(http.Header{"If-Match": c.r.Header["If-Match"]}, "").write()
	c.condition = condition
	if err != nil {
		return err
	}
	return c.callEngine()
}

type deleteRequest struct {
	Quiet   bool
	Objects []struct {
		Key       string
		VersionID string `xml:"VersionId"`
		ETag      string
	} `xml:"Object"`
}

type deleteResult struct {
	XMLName xml.Name `xml:"DeleteResult"`
	Xmlns   string   `xml:"xmlns,attr"`
	Deleted []deletedObject
	Errors  []deleteError `xml:"Error"`
}

type deletedObject struct{ Key string }

type deleteError struct{ Key, Code, Message string }

// deleteObjects answers DeleteObjects: each key is allowed or refused, and
// deleted or not, on its own.
func deleteObjects(c *call) error {
	var in deleteRequest
	if err := c.readXML(2<<20, &in); err != nil {
		return err
	}
	if len(in.Objects) == 0 || len(in.Objects) > 1000 {
		return fault("MalformedXML", "")
	}
	out := deleteResult{Xmlns: xmlns}
	for _, o := range in.Objects {
		err := c.authorize("s3:DeleteObject", o.Key)
		if err == nil && o.VersionID != "" && o.VersionID != "null" {
			err = fault("NoSuchVersion", "The specified version does not exist.")
		}
		if err == nil {
			var condition s3disk.Condition
			if condition, err = (conditions{ifMatch: o.ETag}).write(); err == nil {
				err = c.s.disk.Delete(c.bucket, o.Key, condition)
			}
		}
		if err != nil {
			e, known := asAPIError(err)
			if !known {
				c.s.log.Error("origin: delete failed", "bucket", c.bucket, "key", o.Key, "error", err)
			}
			out.Errors = append(out.Errors, deleteError{o.Key, e.code, e.message})
		} else if !in.Quiet {
			out.Deleted = append(out.Deleted, deletedObject{o.Key})
		}
	}
	c.encode(out)
	return nil
}

type attributes struct {
	XMLName      xml.Name     `xml:"GetObjectAttributesResponse"`
	Xmlns        string       `xml:"xmlns,attr"`
	ETag         string       `xml:",omitempty"`
	Checksum     *checksums   `xml:",omitempty"`
	ObjectParts  *objectParts `xml:",omitempty"`
	StorageClass string       `xml:",omitempty"`
	ObjectSize   *int64       `xml:",omitempty"`
}

type checksums struct{ Values []field }

func (s checksums) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	for _, f := range s.Values {
		if err := e.EncodeElement(f.value, xml.StartElement{Name: xml.Name{Local: f.name}}); err != nil {
			return err
		}
	}
	return e.EncodeToken(start.End())
}

type objectParts struct {
	TotalPartsCount int
}

// getAttributes answers GetObjectAttributes.
func getAttributes(c *call) error {
	info, err := c.s.disk.Head(c.bucket, c.key)
	if errors.Is(err, s3disk.ErrNoSuchKey) {
		return c.missing()
	}
	if err != nil {
		return err
	}
	var asked []string
	for _, v := range c.r.Header[textproto.CanonicalMIMEHeaderKey("x-amz-object-attributes")] {
		for name := range strings.SplitSeq(v, ",") {
			asked = append(asked, strings.TrimSpace(name))
		}
	}
	out := attributes{Xmlns: xmlns}
	for _, name := range asked {
		switch name {
		case "ETag":
			out.ETag = info.ETag
		case "Checksum":
			out.Checksum = checksumsOf(info)
		case "ObjectParts":
			if len(info.Parts) > 0 {
				out.ObjectParts = &objectParts{len(info.Parts)}
			}
		case "StorageClass":
			out.StorageClass = "STANDARD"
			if v := info.Headers["X-Amz-Storage-Class"]; v != "" {
				out.StorageClass = v
			}
		case "ObjectSize":
			out.ObjectSize = &info.Size
		default:
			return fault("InvalidArgument", "Invalid attribute name specified.", field{"ArgumentName", "x-amz-object-attributes"}, field{"ArgumentValue", name})
		}
	}
	if len(asked) == 0 {
		return fault("InvalidRequest", "The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty")
	}
	c.w.Header().Set("Last-Modified", info.Modified.UTC().Format(http.TimeFormat))
	c.encode(out)
	return nil
}

// checksumsOf are the checksums of an object as XML elements (ChecksumCRC32).
func checksumsOf(info *s3disk.Info) *checksums {
	if len(info.Checksums) == 0 {
		return nil
	}
	out := &checksums{}
	for _, name := range slices.Sorted(maps.Keys(info.Checksums)) {
		element := "Checksum" + strings.ToUpper(strings.TrimPrefix(name, checksumPrefix))
		out.Values = append(out.Values, field{element, info.Checksums[name]})
	}
	out.Values = append(out.Values, field{"ChecksumType", "FULL_OBJECT"})
	return out
}
