package origin

import (
	"crypto/rand"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/warmfront/warmfront/origin/address"
	"github.com/warmfront/warmfront/origin/policy"
	"github.com/warmfront/warmfront/origin/s3disk"
	"github.com/warmfront/warmfront/sigv4"
)

// call is one request on its way through.
type call struct {
	s     *Server
	w     *response
	r     *http.Request
	id    string
	now   time.Time
	query url.Values

	bucket, key string
	state       *s3disk.Bucket // nil if there is no such bucket
	policy      *policy.Policy
	op          operation
	signed      *sigv4.Signed // nil if anonymous
	who         policy.Principal
	context     map[string][]string
	body        *body

	// For the engine's adapter: what the write depends on, and the first error
	// that it met, which the engine may have made another of.
	condition s3disk.Condition
	source    object // of a copy
	err       error
}

// object names an object.
type object struct{ bucket, key string }

// response remembers whether and with what the answer began.
type response struct {
	http.ResponseWriter
	status int
}

func (w *response) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// ReadFrom hands files to the connection, where the kernel sends them.
func (w *response) ReadFrom(r io.Reader) (int64, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return io.Copy(w.ResponseWriter, r)
}

func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// ServeHTTP answers one S3 request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{s: s, w: &response{ResponseWriter: w}, r: r, id: rand.Text()[:16], now: s.cfg.Now()}
	h := w.Header()
	h.Set("Server", "AmazonS3")
	h.Set("X-Amz-Request-Id", c.id)
	h.Set("X-Amz-Id-2", hostID)
	if err := c.serve(); err != nil {
		c.fail(err)
	}
	s.log.Debug("origin: request", "operation", c.op.name, "method", r.Method, "bucket", c.bucket, "key", c.key, "status", c.w.status, "request", c.id)
}

func (c *call) serve() error {
	named, website := address.Bucket(c.r.Host, c.s.cfg.Domains)
	c.bucket, c.key = address.Split(c.r.URL.Path, named)
	var err error
	if c.query, err = url.ParseQuery(c.r.URL.RawQuery); err != nil || !utf8.ValidString(c.key) {
		return fault("InvalidURI", "")
	}
	switch {
	case c.r.Method == http.MethodOptions:
		return c.preflight()
	case website:
		return c.serveWebsite()
	}
	if err := c.authenticate(); err != nil {
		return err
	}
	if c.op, err = classify(c.s.operations, c.r.Method, c.bucket, c.key, c.query); err != nil {
		return err
	}
	if err := c.checkNames(); err != nil {
		return err
	}
	if c.state != nil {
		if err := c.checkRegion(); err != nil {
			return err
		}
		c.allowPage()
	}
	if c.op.action != "" {
		if err := c.authorize(c.op.action, c.key); err != nil {
			return err
		}
	}
	if c.op.body {
		if c.body, err = c.openBody(); err != nil {
			return err
		}
	}
	return c.op.serve(c)
}

// checkNames loads the bucket and refuses names and versions that cannot be.
func (c *call) checkNames() error {
	if c.bucket == "" {
		return nil
	}
	if len(c.key) > s3disk.MaxKeyBytes {
		return fault("KeyTooLongError", "", field{"MaxSizeAllowed", "1024"})
	}
	if v := c.query.Get("versionId"); v != "" && v != "null" {
		return fault("InvalidArgument", "Invalid version id specified", field{"ArgumentName", "versionId"}, field{"ArgumentValue", v})
	}
	return c.loadBucket()
}

// loadBucket finds the bucket and its policy.
func (c *call) loadBucket() error {
	if err := checkBucketName(c.bucket); err != nil {
		return err
	}
	state, err := c.s.disk.Bucket(c.bucket)
	if errors.Is(err, s3disk.ErrNoSuchBucket) && c.op.name == "CreateBucket" {
		return nil
	}
	if err != nil {
		return fault("NoSuchBucket", "", field{"BucketName", c.bucket})
	}
	c.state = state
	c.w.Header().Set("X-Amz-Bucket-Region", state.Region)
	c.policy, err = c.s.policies.of(state)
	return err
}

const xmlns = "http://s3.amazonaws.com/doc/2006-03-01/"

// encode writes an XML document as the body of the answer. An error in writing
// is the client's going away, which nobody is left to hear of.
func (c *call) encode(v any) {
	if c.w.Header().Get("Content-Type") == "" {
		c.w.Header().Set("Content-Type", "application/xml")
	}
	_, _ = io.WriteString(c.w, xml.Header)
	_ = xml.NewEncoder(c.w).Encode(v)
}

// readXML reads the request's body, at most limit bytes, into v.
func (c *call) readXML(limit int64, v any) error {
	doc, err := c.readAll(limit)
	if err != nil {
		return err
	}
	if err := xml.Unmarshal(doc, v); err != nil {
		return fault("MalformedXML", "")
	}
	return nil
}

// readAll reads the request's body to its end, which verifies it.
func (c *call) readAll(limit int64) ([]byte, error) {
	doc, err := io.ReadAll(io.LimitReader(c.body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(doc)) > limit {
		return nil, fault("MaxMessageLengthExceeded", "")
	}
	return doc, nil
}

// unquote takes the quotes off an ETag.
func unquote(etag string) string { return strings.Trim(etag, `"`) }
