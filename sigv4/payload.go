package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Body decodes and checks a request body as it is read. Read returns an
// *Error, never io.EOF, if the body is not what was signed.
type Body struct {
	r       io.Reader
	trailer http.Header
	// Length is the number of bytes that will be read, or -1 if the request
	// does not say.
	Length int64
}

func (b *Body) Read(p []byte) (int, error) { return b.r.Read(p) }

// Trailer holds the trailing headers of an aws-chunked body once Read has
// returned io.EOF.
func (b *Body) Trailer() http.Header { return b.trailer }

// Body returns the body of r, whose signature s is, in the form that s says:
// checked against the signed hash, decoded from signed or unsigned chunks, or
// as it is where the payload was not signed.
func (s *Signed) Body(r *http.Request) (*Body, error) {
	b := &Body{r: r.Body, trailer: http.Header{}, Length: r.ContentLength}
	if r.Body == nil {
		b.r = strings.NewReader("")
	}
	switch s.Payload {
	case UnsignedPayload:
		return b, nil
	case StreamingPayload, StreamingPayloadTrailer, StreamingUnsignedTrailer:
		n, err := strconv.ParseInt(r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64)
		if err != nil || n < 0 {
			return nil, refuse(MalformedBody, "A streaming payload requires the header x-amz-decoded-content-length.")
		}
		b.Length = n
		b.r = newChunkReader(s, b, r.Header)
		return b, nil
	}
	b.r = &hashReader{r: b.r, h: sha256.New(), want: s.Payload}
	return b, nil
}

// hashReader checks the whole body against its signed hash at EOF.
type hashReader struct {
	r    io.Reader
	h    hash.Hash
	want string
}

func (h *hashReader) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	h.h.Write(p[:n])
	if errors.Is(err, io.EOF) && hex.EncodeToString(h.h.Sum(nil)) != h.want {
		return n, &Error{Reason: BodyMismatch}
	}
	return n, err
}
