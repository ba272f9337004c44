package origin

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/warmfront/warmfront/sigv4"
)

const checksumPrefix = "X-Amz-Checksum-"

// body is a request body that has been decoded and is verified as it is read:
// its signature by sigv4, its length, Content-MD5 and x-amz-checksum-* here. An
// error other than io.EOF means that nothing may be made of what was read.
type body struct {
	r      *sigv4.Body
	length int64 // as announced; -1 if it was not
	read   int64
	checks []check
	done   bool
	err    error // the first that Read returned, which the engine may make another of
}

// check is one digest that the body must have.
type check struct {
	header  string // Content-Md5 or X-Amz-Checksum-…
	hash    hash.Hash
	want    []byte // nil: it comes in the trailer
	trailer bool
}

// openBody makes the body of the request readable in the form that it was sent.
func (c *call) openBody() (*body, error) {
	c.r.Body = &idleReader{ReadCloser: c.r.Body, c: http.NewResponseController(c.w), limit: c.s.cfg.IdleTimeout}
	signed := c.signed
	if signed == nil {
		// Nobody vouches for an anonymous body; a hash it names is still held to.
		signed = &sigv4.Signed{Payload: sigv4.UnsignedPayload}
		if c.r.Header.Get("X-Amz-Content-Sha256") == sigv4.StreamingUnsignedTrailer {
			signed.Payload = sigv4.StreamingUnsignedTrailer
		}
	}
	r, err := signed.Body(c.r)
	if err != nil {
		return nil, err
	}
	b := &body{r: r, length: r.Length}
	return b, b.expect(c.r.Header)
}

// expect collects the digests that headers give or announce in the trailer.
func (b *body) expect(h http.Header) error {
	if values, ok := h["Content-Md5"]; ok {
		want, err := base64.StdEncoding.DecodeString(values[0])
		if err != nil || len(want) != md5.Size {
			return fault("InvalidDigest", "")
		}
		b.checks = append(b.checks, check{header: "Content-Md5", hash: md5.New(), want: want})
	}
	for name, values := range h {
		algorithm := newChecksum(name)
		if algorithm == nil {
			continue
		}
		want, err := base64.StdEncoding.DecodeString(values[0])
		if err != nil || len(want) != algorithm.Size() {
			return fault("InvalidRequest", "Value for "+strings.ToLower(name)+" header is invalid.")
		}
		b.checks = append(b.checks, check{header: name, hash: algorithm, want: want})
	}
	for _, v := range h.Values("X-Amz-Trailer") {
		for name := range strings.SplitSeq(v, ",") {
			name = http.CanonicalHeaderKey(strings.TrimSpace(name))
			algorithm := newChecksum(name)
			if algorithm == nil {
				return fault("InvalidRequest", "The value specified in the x-amz-trailer header is not supported")
			}
			b.checks = append(b.checks, check{header: name, hash: algorithm, trailer: true})
		}
	}
	return nil
}

// newChecksum is the algorithm of an x-amz-checksum-* header; nil for any other
// header.
func newChecksum(header string) hash.Hash {
	algorithm, ok := strings.CutPrefix(header, checksumPrefix)
	if !ok {
		return nil
	}
	switch algorithm {
	case "Crc32":
		return crc32.NewIEEE()
	case "Crc32c":
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case "Crc64nvme":
		return crc64.New(crc64.MakeTable(0x9a6c9329ac4bc9b5))
	case "Sha1":
		return sha1.New()
	case "Sha256":
		return sha256.New()
	}
	return nil
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.read += int64(n)
	for _, c := range b.checks {
		c.hash.Write(p[:n])
	}
	if errors.Is(err, io.EOF) && !b.done {
		b.done = true
		if bad := b.verify(); bad != nil {
			err = bad
		}
	}
	if err != nil && b.err == nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	if b.err != nil {
		return n, b.err
	}
	return n, err
}

func (b *body) Close() error { return nil }

func (b *body) verify() error {
	if b.length >= 0 && b.read != b.length {
		return fault("IncompleteBody", "")
	}
	for i, c := range b.checks {
		if c.trailer {
			want, err := base64.StdEncoding.DecodeString(b.r.Trailer().Get(c.header))
			if err != nil {
				return fault("InvalidRequest", "Value for "+strings.ToLower(c.header)+" trailing header is invalid.")
			}
			b.checks[i].want = want
		}
		if !bytes.Equal(c.hash.Sum(nil), b.checks[i].want) {
			return fault("BadDigest", "The "+strings.ToLower(strings.TrimPrefix(c.header, checksumPrefix))+" you specified did not match what we received.")
		}
	}
	return nil
}

// checksums are the x-amz-checksum-* headers of a body that has been read.
func (b *body) checksums() map[string]string {
	var m map[string]string
	for _, c := range b.checks {
		if strings.HasPrefix(c.header, checksumPrefix) {
			if m == nil {
				m = map[string]string{}
			}
			m[c.header] = base64.StdEncoding.EncodeToString(c.want)
		}
	}
	return m
}

// idleReader gives the peer a fresh time-out with every read: an upload may
// take hours as long as it goes on.
type idleReader struct {
	io.ReadCloser
	c     *http.ResponseController
	limit time.Duration
}

func (r *idleReader) Read(p []byte) (int, error) {
	// A connection without deadlines (a test's recorder) has no idle peers.
	_ = r.c.SetReadDeadline(time.Now().Add(r.limit))
	return r.ReadCloser.Read(p)
}
