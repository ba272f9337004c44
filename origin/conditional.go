package origin

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/warmfront/warmfront/origin/s3disk"
)

// conditions holds the conditional headers of a request on an object, the four
// of RFC 9110 section 13.1 under whatever names they came.
type conditions struct {
	ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince string
}

// requestConditions reads them with a prefix: "" for the request's own object,
// "X-Amz-Copy-Source-" for the source of a copy.
func requestConditions(h http.Header, prefix string) conditions {
	return conditions{h.Get(prefix + "If-Match"), h.Get(prefix + "If-None-Match"), h.Get(prefix + "If-Modified-Since"), h.Get(prefix + "If-Unmodified-Since")}
}

// read decides whether an object may be read, in the order of RFC 9110 section
// 13.2.2, which is S3's: an ETag condition makes the date condition of its kind
// void. failed is what a false If-None-Match or If-Modified-Since gives.
func (c conditions) read(info *s3disk.Info, failed error) error {
	if c.ifMatch != "" {
		if !matchETag(c.ifMatch, info.ETag) {
			return fault("PreconditionFailed", "", field{"Condition", "If-Match"})
		}
	} else if t, err := http.ParseTime(c.ifUnmodifiedSince); err == nil && info.Modified.After(t) {
		return fault("PreconditionFailed", "", field{"Condition", "If-Unmodified-Since"})
	}
	if c.ifNoneMatch != "" {
		if matchETag(c.ifNoneMatch, info.ETag) {
			return failed
		}
	} else if t, err := http.ParseTime(c.ifModifiedSince); err == nil && !info.Modified.After(t) {
		return failed
	}
	return nil
}

// write makes the condition of a write: If-Match wants the object that it
// names, If-None-Match: * wants none. nil if there is no condition.
func (c conditions) write() (s3disk.Condition, error) {
	if c.ifNoneMatch != "" && c.ifNoneMatch != "*" {
		return nil, fault("NotImplemented", "If-None-Match of a write can only be *.")
	}
	if c.ifMatch == "" && c.ifNoneMatch == "" {
		return nil, nil
	}
	return func(current *s3disk.Info) error {
		switch {
		case c.ifNoneMatch != "" && current != nil:
			return fault("PreconditionFailed", "", field{"Condition", "If-None-Match"})
		case c.ifMatch != "" && current == nil:
			return fault("NoSuchKey", "")
		case c.ifMatch != "" && !matchETag(c.ifMatch, current.ETag):
			return fault("PreconditionFailed", "", field{"Condition", "If-Match"})
		}
		return nil
	}, nil
}

// matchETag tells whether a list of entity tags, or *, names this one. S3 takes
// tags without quotes too.
func matchETag(list, etag string) bool {
	for tag := range strings.SplitSeq(list, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == "*" || unquote(tag) == etag {
			return true
		}
	}
	return false
}

// ifRange tells whether a Range may be answered in part (RFC 9110 section
// 13.1.5): the validator given is, exactly, the object's.
func ifRange(value, etag string, modified time.Time) bool {
	if value == "" || value == `"`+etag+`"` {
		return true
	}
	t, err := http.ParseTime(value)
	return err == nil && t.Equal(modified)
}

// byteRange is bytes first to first+length-1.
type byteRange struct{ first, length int64 }

// parseRange reads a Range header of one range. What is not a range of bytes,
// or several, is ignored as RFC 9110 section 14.2 allows and S3 does: nil and
// true. A range outside the object is not satisfiable: false.
func parseRange(value string, size int64) (rng *byteRange, ok bool) {
	spec, isBytes := strings.CutPrefix(value, "bytes=")
	from, to, dash := strings.Cut(strings.TrimSpace(spec), "-")
	if !isBytes || !dash || strings.Contains(spec, ",") {
		return nil, true
	}
	if from == "" { // the last so many bytes
		n, err := strconv.ParseUint(to, 10, 63)
		if err != nil {
			return nil, true
		}
		if n == 0 || size == 0 {
			return nil, false
		}
		length := min(int64(n), size)
		return &byteRange{size - length, length}, true
	}
	first, err := strconv.ParseUint(from, 10, 63)
	if err != nil {
		return nil, true
	}
	last := uint64(size - 1)
	if to != "" {
		n, err := strconv.ParseUint(to, 10, 63)
		if err != nil || n < first {
			return nil, true
		}
		last = min(n, last)
	}
	if int64(first) >= size {
		return nil, false
	}
	return &byteRange{int64(first), int64(last-first) + 1}, true
}
