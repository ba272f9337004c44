package origin

import (
	"encoding/xml"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rclone/gofakes3"

	"github.com/warmfront/warmfront/origin/s3disk"
)

// Multipart uploads are answered here rather than by the engine, whose record
// of uploads is in memory and ends with the process, and whose ETags are not
// S3's.

// maxCompleteBody holds 10,000 parts, each with ETag and checksum.
const maxCompleteBody = 4 << 20

// timestamp is S3's form of a time in XML.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func createUpload(c *call) error {
	headers, err := c.writeHeaders()
	if err != nil {
		return err
	}
	u, err := c.s.disk.CreateUpload(c.bucket, c.key, headers, c.r.Header.Get("X-Amz-Tagging"))
	if err != nil {
		return err
	}
	c.encode(struct {
		XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
		Xmlns    string   `xml:"xmlns,attr"`
		Bucket   string
		Key      string
		UploadID string `xml:"UploadId"`
	}{Xmlns: xmlns, Bucket: u.Bucket, Key: u.Key, UploadID: u.ID})
	return nil
}

// putPart answers UploadPart and UploadPartCopy.
func putPart(c *call) error {
	n, err := strconv.Atoi(c.query.Get("partNumber"))
	if err != nil || n < 1 || n > s3disk.MaxParts {
		return fault("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive", field{"ArgumentName", "partNumber"}, field{"ArgumentValue", c.query.Get("partNumber")})
	}
	if c.r.Header.Get("X-Amz-Copy-Source") != "" {
		return copyPart(c, n)
	}
	if err := c.checkLength(); err != nil {
		return err
	}
	p, err := c.s.disk.PutPart(c.bucket, c.key, c.query.Get("uploadId"), n, c.body)
	if err != nil {
		return err
	}
	for name, v := range c.body.checksums() {
		c.w.Header().Set(name, v)
	}
	c.w.Header().Set("ETag", `"`+p.ETag+`"`)
	c.w.WriteHeader(http.StatusOK)
	return nil
}

func copyPart(c *call, n int) error {
	if _, err := c.copySource(); err != nil {
		return err
	}
	info, f, err := c.s.disk.Get(c.source.bucket, c.source.key)
	if err != nil {
		return err
	}
	defer f.Close()
	rng := &byteRange{0, info.Size}
	if v := c.r.Header.Get("X-Amz-Copy-Source-Range"); v != "" {
		var ok bool
		if rng, ok = parseRange(v, info.Size); !ok || rng == nil {
			return fault("InvalidArgument", "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
		}
	}
	p, err := c.s.disk.PutPart(c.bucket, c.key, c.query.Get("uploadId"), n, io.NewSectionReader(f, rng.first, rng.length))
	if err != nil {
		return err
	}
	c.encode(struct {
		XMLName      xml.Name `xml:"CopyPartResult"`
		Xmlns        string   `xml:"xmlns,attr"`
		LastModified string
		ETag         string
	}{Xmlns: xmlns, LastModified: timestamp(p.Modified), ETag: `"` + p.ETag + `"`})
	return nil
}

func completeUpload(c *call) error {
	var in struct {
		Parts []struct {
			PartNumber int
			ETag       string
		} `xml:"Part"`
	}
	if err := c.readXML(maxCompleteBody, &in); err != nil {
		return err
	}
	if len(in.Parts) == 0 || len(in.Parts) > s3disk.MaxParts {
		return fault("MalformedXML", "")
	}
	condition, err := requestConditions(c.r.Header, "").write()
	if err != nil {
		return err
	}
	parts := make([]s3disk.Part, len(in.Parts))
	for i, p := range in.Parts {
		parts[i] = s3disk.Part{Number: p.PartNumber, ETag: unquote(p.ETag)}
	}
	info, err := c.s.disk.Complete(c.bucket, c.key, c.query.Get("uploadId"), parts, condition)
	if err != nil {
		return err
	}
	c.encode(struct {
		XMLName  xml.Name `xml:"CompleteMultipartUploadResult"`
		Xmlns    string   `xml:"xmlns,attr"`
		Location string
		Bucket   string
		Key      string
		ETag     string
	}{Xmlns: xmlns, Location: "http://" + c.r.Host + c.r.URL.EscapedPath(), Bucket: c.bucket, Key: c.key, ETag: `"` + info.ETag + `"`})
	return nil
}

func abortUpload(c *call) error {
	if err := c.s.disk.Abort(c.bucket, c.key, c.query.Get("uploadId")); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

type listedPart struct {
	PartNumber   int
	LastModified string
	ETag         string
	Size         int64
}

func listParts(c *call) error {
	u, parts, err := c.s.disk.Upload(c.bucket, c.key, c.query.Get("uploadId"))
	if err != nil {
		return err
	}
	limit, err := c.count("max-parts", 1000)
	if err != nil {
		return err
	}
	after, err := c.count("part-number-marker", 0)
	if err != nil {
		return err
	}
	out := struct {
		XMLName              xml.Name `xml:"ListPartsResult"`
		Xmlns                string   `xml:"xmlns,attr"`
		Bucket               string
		Key                  string
		UploadID             string `xml:"UploadId"`
		StorageClass         string
		PartNumberMarker     int
		NextPartNumberMarker int `xml:",omitempty"`
		MaxParts             int
		IsTruncated          bool
		Parts                []listedPart `xml:"Part"`
	}{Xmlns: xmlns, Bucket: u.Bucket, Key: u.Key, UploadID: u.ID, StorageClass: "STANDARD", PartNumberMarker: after, MaxParts: limit}
	for _, p := range parts {
		if p.Number <= after {
			continue
		}
		if len(out.Parts) == limit {
			out.IsTruncated = true
			break
		}
		out.Parts = append(out.Parts, listedPart{p.Number, timestamp(p.Modified), `"` + p.ETag + `"`, p.Size})
		out.NextPartNumberMarker = p.Number
	}
	c.encode(out)
	return nil
}

// count reads a number from the query: at most 1,000 for a limit, at most
// 10,000 for a marker, otherwise if it is absent.
func (c *call) count(name string, otherwise int) (int, error) {
	v := c.query.Get(name)
	if v == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		return 0, fault("InvalidArgument", "Provided "+name+" not an integer or within integer range", field{"ArgumentName", name}, field{"ArgumentValue", v})
	}
	if strings.HasPrefix(name, "max-") {
		return min(n, 1000), nil
	}
	return min(n, s3disk.MaxParts), nil
}

type listedUpload struct {
	Key          string
	UploadID     string `xml:"UploadId"`
	StorageClass string
	Initiated    string
}

type uploadListing struct {
	XMLName            xml.Name `xml:"ListMultipartUploadsResult"`
	Xmlns              string   `xml:"xmlns,attr"`
	Bucket             string
	KeyMarker          string
	UploadIDMarker     string `xml:"UploadIdMarker"`
	NextKeyMarker      string `xml:",omitempty"`
	NextUploadIDMarker string `xml:"NextUploadIdMarker,omitempty"`
	Delimiter          string `xml:",omitempty"`
	Prefix             string
	EncodingType       string `xml:",omitempty"`
	MaxUploads         int
	IsTruncated        bool
	Uploads            []listedUpload `xml:"Upload"`
	CommonPrefixes     []commonPrefix
}

type commonPrefix struct{ Prefix string }

func listUploads(c *call) error {
	uploads, err := c.s.disk.Uploads(c.bucket)
	if err != nil {
		return err
	}
	limit, err := c.count("max-uploads", 1000)
	if err != nil {
		return err
	}
	q := c.query
	out := uploadListing{
		Xmlns: xmlns, Bucket: c.bucket, KeyMarker: q.Get("key-marker"), UploadIDMarker: q.Get("upload-id-marker"),
		Delimiter: q.Get("delimiter"), Prefix: q.Get("prefix"), EncodingType: q.Get("encoding-type"), MaxUploads: limit,
	}
	out.fill(afterUpload(uploads, out.KeyMarker, out.UploadIDMarker))
	if out.EncodingType == "url" {
		out.encodeNames()
	}
	c.encode(out)
	return nil
}

// afterUpload drops what comes up to the markers: an upload and all before it,
// or, without an upload ID, a key and all before it.
func afterUpload(uploads []s3disk.Upload, key, id string) []s3disk.Upload {
	if key == "" {
		return uploads
	}
	i := slices.IndexFunc(uploads, func(u s3disk.Upload) bool { return u.Key > key })
	if at := slices.IndexFunc(uploads, func(u s3disk.Upload) bool { return u.Key == key && u.ID == id }); at >= 0 {
		i = at + 1
	}
	if i < 0 {
		return nil
	}
	return uploads[i:]
}

// fill lists up to MaxUploads uploads and common prefixes.
func (l *uploadListing) fill(uploads []s3disk.Upload) {
	for _, u := range uploads {
		rest, ok := strings.CutPrefix(u.Key, l.Prefix)
		if !ok {
			continue
		}
		rolled := ""
		if i := strings.Index(rest, l.Delimiter); l.Delimiter != "" && i >= 0 {
			rolled = l.Prefix + rest[:i+len(l.Delimiter)]
		}
		if rolled != "" && slices.Contains(l.CommonPrefixes, commonPrefix{rolled}) {
			l.NextKeyMarker, l.NextUploadIDMarker = u.Key, u.ID
			continue
		}
		if len(l.Uploads)+len(l.CommonPrefixes) == l.MaxUploads {
			l.IsTruncated = true
			return
		}
		l.NextKeyMarker, l.NextUploadIDMarker = u.Key, u.ID
		if rolled != "" {
			l.CommonPrefixes = append(l.CommonPrefixes, commonPrefix{rolled})
		} else {
			l.Uploads = append(l.Uploads, listedUpload{u.Key, u.ID, "STANDARD", timestamp(u.Initiated)})
		}
	}
	l.NextKeyMarker, l.NextUploadIDMarker = "", ""
}

// encodeNames URL-encodes the names, for keys that XML 1.0 cannot hold.
func (l *uploadListing) encodeNames() {
	for _, s := range []*string{&l.KeyMarker, &l.NextKeyMarker, &l.Delimiter, &l.Prefix} {
		*s = gofakes3.URLEncode(*s)
	}
	for i := range l.Uploads {
		l.Uploads[i].Key = gofakes3.URLEncode(l.Uploads[i].Key)
	}
	for i := range l.CommonPrefixes {
		l.CommonPrefixes[i].Prefix = gofakes3.URLEncode(l.CommonPrefixes[i].Prefix)
	}
}
