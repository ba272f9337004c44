package site

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

	"github.com/warmfront/warmfront/sim/claim"
)

// Read is a request and what came of it.
type Read struct {
	Edge   string
	Object Object
	Method string
	URI    string
	Header http.Header // of the request

	Started, Ended time.Time
	Status         int // 0 where there was no answer
	Answer         http.Header
	Body           []byte
	Err            error // why there was no answer, or not all of it
}

// Offence is a kind of thing that must not be.
type Offence string

// What can be wrong with an answer.
const (
	Stale Offence = "stale: older than an invalidation that was Completed before the request"
	Mixed Offence = "mixed: an answer made of two versions"
	Odd   Offence = "odd: an answer that nothing here accounts for"
)

// Judge says what is wrong with an answer; "" for nothing. The version of an answer that counts is 0 where an edge
// answered of its own accord, with an error.
func Judge(r *Read, h *claim.History) (what Offence, why string, version int) {
	if r.Status == 0 {
		return "", "", 0
	}
	version, why = versionOf(r)
	switch {
	case why != "":
		return Mixed, why, version
	case version == 0 && r.Status >= 500 && r.Status != http.StatusInternalServerError:
		return "", "", 0
	case version == 0:
		return Odd, fmt.Sprintf("%d without a version", r.Status), 0
	case version > h.Current(r.Object.Path):
		return Odd, "the version is one that there is not yet", version
	}
	if demanded, by := h.Demand(r.URI, r.Started); version < demanded {
		return Stale, fmt.Sprintf("version %d, but %s (%s) was made at version %d, and seen to be Completed %v before the request", version,
			by.ID, strings.Join(by.Paths, " "), demanded, r.Started.Sub(by.Completed).Round(time.Millisecond)), version
	}
	what, why = judgeBody(r, version)
	return what, why, version
}

func etagVersion() *regexp.Regexp { return regexp.MustCompile(`^(?:W/)?"[a-z]+-(\d+)(?:-gzip)?"$`) }

// versionOf returns the version that the head tells, and what is wrong if it tells two.
func versionOf(r *Read) (int, string) {
	version, _ := strconv.Atoi(r.Answer.Get(VersionHeader))
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
		return min(version, tagged), fmt.Sprintf("%s: %d, ETag: %s", VersionHeader, version, tag)
	}
	return tagged, ""
}

func judgeBody(r *Read, version int) (Offence, string) {
	exists := r.Object.Exists(version)
	switch r.Status {
	case http.StatusNotModified:
		return "", ""
	case http.StatusOK, http.StatusPartialContent:
		if !exists {
			return Mixed, fmt.Sprintf("%d for a version that is not there", r.Status)
		}
	case http.StatusNotFound:
		if exists {
			return Mixed, "404 for a version that is there"
		}
	default:
		return Odd, fmt.Sprintf("status %d with a version", r.Status)
	}
	if r.Method == http.MethodHead {
		return "", ""
	}
	offset := 0
	if r.Status == http.StatusPartialContent {
		if _, err := fmt.Sscanf(r.Answer.Get("Content-Range"), "bytes %d-", &offset); err != nil {
			return Odd, "206 with Content-Range " + r.Answer.Get("Content-Range")
		}
	}
	body := r.Body
	if r.Answer.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = inflate(body); err != nil && r.Err == nil {
			return Mixed, "a body that was to be gzip: " + err.Error()
		}
	}
	if wrong := r.Object.Check(body, offset, version); wrong != "" {
		return Mixed, wrong
	}
	if r.Err == nil && r.Status != http.StatusPartialContent && len(body) != r.Object.Size {
		return Mixed, fmt.Sprintf("%d bytes of %d, and no error", len(body), r.Object.Size)
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
