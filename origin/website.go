package origin

import (
	"errors"
	"fmt"
	"html"
	"net/http"
	"strconv"

	"github.com/warmfront/warmfront/origin/address"
	"github.com/warmfront/warmfront/origin/s3config"
	"github.com/warmfront/warmfront/origin/s3disk"
)

// serveWebsite answers as S3's website endpoints do: GET and HEAD alone, to
// everybody alike (a signature counts for nothing), with the index document for
// a folder, redirects, and pages for errors.
func (c *call) serveWebsite() error {
	c.op = operation{name: "Website"}
	path := c.key
	err := c.openWebsite()
	if err != nil {
		return c.failPage(err)
	}
	site, ok := s3config.ReadWebsite(document(c.state, s3config.WebsiteRules))
	if !ok {
		return c.failPage(fault("NoSuchWebsiteConfiguration", "", field{"BucketName", c.bucket}))
	}
	c.allowPage()
	if to := site.Route(path, 0, c.protocol(), c.r.Host); to != nil {
		return c.redirect(to.Location, to.Status)
	}
	c.key = site.Key(path)
	if err = c.websiteObject(); err == nil {
		return nil
	}
	e, _ := asAPIError(err)
	if e.code == "NoSuchKey" && c.folder(site, path) {
		return c.redirect("/"+address.Escape(path)+"/", http.StatusFound)
	}
	if e.status < 400 || e.status > 499 {
		return err
	}
	if to := site.Route(path, e.status, c.protocol(), c.r.Host); to != nil {
		return c.redirect(to.Location, to.Status)
	}
	if c.key = site.ErrorKey(); c.key != "" && c.errorDocument(e.status) {
		return nil
	}
	c.key = path
	return c.failPage(err)
}

func (c *call) openWebsite() error {
	if c.r.Method != http.MethodGet && c.r.Method != http.MethodHead {
		return fault("MethodNotAllowed", "")
	}
	return c.loadBucket()
}

func (c *call) protocol() string {
	if c.r.TLS != nil {
		return "https"
	}
	return "http"
}

func (c *call) redirect(location string, status int) error {
	h := c.w.Header()
	h.Set("Location", location)
	h.Set("Content-Length", "0")
	c.w.WriteHeader(status)
	return nil
}

// websiteObject answers with the object of c.key, or sends the viewer where the
// object says.
func (c *call) websiteObject() error {
	if err := c.authorize("s3:GetObject", c.key); err != nil {
		return err
	}
	if info, err := c.s.disk.Head(c.bucket, c.key); err == nil {
		if to := info.Headers["X-Amz-Website-Redirect-Location"]; to != "" {
			return c.redirect(to, http.StatusMovedPermanently)
		}
	}
	return getObject(c)
}

// folder tells whether a path that is no object is one of which the index document
// is.
func (c *call) folder(site s3config.Website, path string) bool {
	if path == "" || site.Key(path) != path {
		return false
	}
	_, err := c.s.disk.Head(c.bucket, site.Key(path+"/"))
	return err == nil
}

// errorDocument serves c.key with the status of an error, unless it cannot be had
// either.
func (c *call) errorDocument(status int) bool {
	if c.authorize("s3:GetObject", c.key) != nil {
		return false
	}
	info, f, err := c.s.disk.Get(c.bucket, c.key)
	if err != nil {
		if !errors.Is(err, s3disk.ErrNoSuchKey) {
			c.s.log.Error("origin: the error document cannot be read", "bucket", c.bucket, "key", c.key, "error", err)
		}
		return false
	}
	defer f.Close()
	h := c.w.Header()
	h.Del("Content-Range")
	if c.describe(info, nil) != nil {
		return false
	}
	h.Set("ETag", `"`+info.ETag+`"`)
	h.Set("Last-Modified", info.Modified.UTC().Format(http.TimeFormat))
	h.Set("Content-Length", strconv.FormatInt(info.Size, 10))
	c.w.WriteHeader(status)
	return c.r.Method == http.MethodHead || c.send(f, byteRange{0, info.Size}) == nil
}

// failPage answers with an error as a page, whose fields are those of S3's XML.
func (c *call) failPage(err error) error {
	e, known := asAPIError(err)
	if !known || e.status < 400 {
		return err
	}
	title := fmt.Sprintf("%d %s", e.status, http.StatusText(e.status))
	page := "<html>\n<head><title>" + title + "</title></head>\n<body>\n<h1>" + title + "</h1>\n<ul>\n"
	for _, f := range append([]field{{"Code", e.code}, {"Message", e.message}}, append(e.fields, field{"RequestId", c.id}, field{"HostId", hostID})...) {
		page += "<li>" + html.EscapeString(f.name) + ": " + html.EscapeString(f.value) + "</li>\n"
	}
	page += "</ul>\n</body>\n</html>\n"
	h := c.w.Header()
	for _, name := range []string{"Content-Range", "Content-Encoding", "Content-Disposition", "Cache-Control", "Expires", "ETag", "Last-Modified"} {
		h.Del(name)
	}
	h.Set("X-Amz-Error-Code", e.code)
	h.Set("X-Amz-Error-Message", e.message)
	if e.status == http.StatusMethodNotAllowed {
		h.Set("Allow", "GET, HEAD")
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(page)))
	c.w.WriteHeader(e.status)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write([]byte(page))
	}
	return nil
}
