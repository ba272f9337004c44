package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/warmfront/warmfront/scripts/chaos/claim"
	"github.com/warmfront/warmfront/scripts/chaos/site"
)

// read is a request and what came of it.
type read struct {
	Edge   string
	Object site.Object
	Method string
	URI    string
	Header http.Header // of the request

	Started, Ended time.Time
	Status         int // 0 where there was no answer
	Answer         http.Header
	Body           []byte
	Err            error // why there was no answer, or not all of it
}

// offence is a kind of thing that must not be.
type offence string

// The offences.
const (
	stale   offence = "stale: older than an invalidation that was Completed before the request"
	mixed   offence = "mixed: an answer made of two versions"
	odd     offence = "odd: an answer that nothing here accounts for"
	late    offence = "late: an invalidation was not Completed in time"
	lost    offence = "lost: an invalidation that the API accepted is not known any more"
	died    offence = "died: a process ended by itself"
	blocked offence = "blocked: a fault could not be made, or not be ended"
)

// judge says what is wrong with an answer; "" for nothing. The version of an answer that counts is 0 where an edge
// answered of its own accord, with an error.
func judge(r *read, h *claim.History) (what offence, why string, version int) {
	if r.Status == 0 {
		return "", "", 0
	}
	version, why = versionOf(r)
	switch {
	case why != "":
		return mixed, why, version
	case version == 0 && r.Status >= 500 && r.Status != http.StatusInternalServerError:
		return "", "", 0
	case version == 0:
		return odd, fmt.Sprintf("%d without a version", r.Status), 0
	case version > h.Current(r.Object.Path):
		return odd, "the version is one that there is not yet", version
	}
	if demanded, by := h.Demand(r.URI, r.Started); version < demanded {
		return stale, fmt.Sprintf("version %d, but %s (%s) was made at version %d, and seen to be Completed %v before the request", version,
			by.ID, strings.Join(by.Paths, " "), demanded, r.Started.Sub(by.Completed).Round(time.Millisecond)), version
	}
	what, why = judgeBody(r, version)
	return what, why, version
}

func etagVersion() *regexp.Regexp { return regexp.MustCompile(`^(?:W/)?"[a-z]+-(\d+)(?:-gzip)?"$`) }

// versionOf returns the version that the head tells, and what is wrong if it tells two.
func versionOf(r *read) (int, string) {
	version, _ := strconv.Atoi(r.Answer.Get(site.VersionHeader))
	tag := r.Answer.Get("Etag")
	m := etagVersion().FindStringSubmatch(tag)
	if m == nil {
		if r.Status == http.StatusNotModified && version == 0 {
			return 0, fmt.Sprintf("a 304 with ETag %q and no version", tag)
		}
		return version, ""
	}
	tagged, _ := strconv.Atoi(m[1]) // digits
	if version != 0 && version != tagged {
		return min(version, tagged), fmt.Sprintf("%s: %d, ETag: %s", site.VersionHeader, version, tag)
	}
	return tagged, ""
}

func judgeBody(r *read, version int) (offence, string) {
	exists := r.Object.Exists(version)
	switch r.Status {
	case http.StatusNotModified:
		return "", ""
	case http.StatusOK, http.StatusPartialContent:
		if !exists {
			return mixed, fmt.Sprintf("%d for a version that is not there", r.Status)
		}
	case http.StatusNotFound:
		if exists {
			return mixed, "404 for a version that is there"
		}
	default:
		return odd, fmt.Sprintf("status %d with a version", r.Status)
	}
	if r.Method == http.MethodHead {
		return "", ""
	}
	offset := 0
	if r.Status == http.StatusPartialContent {
		if _, err := fmt.Sscanf(r.Answer.Get("Content-Range"), "bytes %d-", &offset); err != nil {
			return odd, "206 with Content-Range " + r.Answer.Get("Content-Range")
		}
	}
	body := r.Body
	if r.Answer.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = inflate(body); err != nil && r.Err == nil {
			return mixed, "a body that was to be gzip: " + err.Error()
		}
	}
	if wrong := r.Object.Check(body, offset, version); wrong != "" {
		return mixed, wrong
	}
	if r.Err == nil && r.Status != http.StatusPartialContent && len(body) != r.Object.Size {
		return mixed, fmt.Sprintf("%d bytes of %d, and no error", len(body), r.Object.Size)
	}
	return "", ""
}

// inflate returns as much as there is, and why that is not all.
func inflate(b []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}
