package sigv4

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
)

const (
	maxChunkLine   = 1024 // a chunk header is a hex size and one signature
	maxTrailerLine = 2048
	maxTrailers    = 16
)

// chunkReader decodes aws-chunked:
//
//	hex-size[;chunk-signature=S]CRLF data CRLF … 0[;chunk-signature=S]CRLF [name:value CRLF]… CRLF
//
// Each signature covers the one before it, the first the request's own, so
// chunks can be neither dropped, repeated nor reordered.
type chunkReader struct {
	br       *bufio.Reader
	body     *Body
	signed   *Signed
	verify   bool // chunks (and trailers) carry signatures
	trailers []string

	previous string // the signature that the next one chains to
	current  string // the signature that the chunk being read claims
	sum      hash.Hash
	inChunk  bool
	remain   int64 // of this chunk
	left     int64 // of the decoded body
	err      error
}

func newChunkReader(s *Signed, b *Body, h http.Header) *chunkReader {
	c := &chunkReader{
		br: bufio.NewReaderSize(b.r, 32<<10), body: b, signed: s,
		verify: s.Payload != StreamingUnsignedTrailer, previous: s.signature, sum: sha256.New(), left: b.Length,
	}
	if s.Payload != StreamingPayload {
		for _, v := range h.Values("X-Amz-Trailer") {
			for name := range strings.SplitSeq(v, ",") {
				c.trailers = append(c.trailers, http.CanonicalHeaderKey(strings.TrimSpace(name)))
			}
		}
	}
	return c
}

func (c *chunkReader) Read(p []byte) (int, error) {
	for c.err == nil && c.remain == 0 {
		c.err = c.next()
	}
	if c.err != nil {
		return 0, c.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := c.br.Read(p[:min(int64(len(p)), c.remain)])
	c.sum.Write(p[:n])
	c.remain -= int64(n)
	c.left -= int64(n)
	if err != nil {
		c.err = truncated(err)
	}
	return n, c.err
}

// next ends the chunk that has been read, if any, and opens the one after it.
// At the last chunk it reads the trailers and returns io.EOF.
func (c *chunkReader) next() error {
	if c.inChunk {
		if err := c.crlf(); err != nil {
			return err
		}
		if err := c.endChunk(); err != nil {
			return err
		}
	}
	line, err := c.line(maxChunkLine)
	if err != nil {
		return truncated(err)
	}
	if err := c.openChunk(line); err != nil {
		return err
	}
	if c.remain > 0 {
		return nil
	}
	if c.left != 0 {
		return refuse(IncompleteBody, "The body is shorter than x-amz-decoded-content-length.")
	}
	if err := c.endChunk(); err != nil {
		return err
	}
	return c.readTrailers()
}

func (c *chunkReader) openChunk(line string) error {
	size, extension, _ := strings.Cut(line, ";")
	n, err := strconv.ParseInt(size, 16, 64)
	if err != nil || n < 0 || size[0] == '+' || size[0] == '-' {
		return refuse(MalformedBody, "A chunk of the aws-chunked body does not start with its size in hexadecimal.")
	}
	if n > c.left {
		return refuse(IncompleteBody, "The body is longer than x-amz-decoded-content-length.")
	}
	signature, ok := strings.CutPrefix(extension, "chunk-signature=")
	if c.verify && !ok {
		return refuse(MalformedBody, "A chunk of the aws-chunked body has no chunk-signature.")
	}
	c.inChunk, c.remain, c.current = true, n, signature
	c.sum.Reset()
	return nil
}

// endChunk verifies the signature of the chunk that has been read.
func (c *chunkReader) endChunk() error {
	if !c.verify {
		return nil
	}
	return c.check(c.current, chunkStringToSignPrefix, EmptySHA256, hex.EncodeToString(c.sum.Sum(nil)))
}

// check verifies one link of the chain and moves on to it.
func (c *chunkReader) check(signature string, prefix string, hashes ...string) error {
	parts := append([]string{prefix, c.signed.Date.Format(timeFormat), c.signed.scope, c.previous}, hashes...)
	sts := strings.Join(parts, "\n")
	if !equalSignature(hmacSHA256(c.signed.key, sts), signature) {
		return &Error{Reason: Mismatch, AccessKeyID: c.signed.AccessKeyID, StringToSign: sts}
	}
	c.previous = signature
	return nil
}

// readTrailers reads name:value lines up to an empty line or the end, and
// wants exactly those that x-amz-trailer announced.
func (c *chunkReader) readTrailers() error {
	var signedText strings.Builder
	signature := ""
	for n := 0; ; n++ {
		line, err := c.line(maxTrailerLine)
		if errors.Is(err, io.ErrUnexpectedEOF) || (err == nil && line == "") {
			break
		}
		if err != nil {
			return err
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || n == maxTrailers {
			return refuse(MalformedBody, "The trailer of the aws-chunked body is malformed.")
		}
		value = strings.TrimSpace(value)
		if strings.EqualFold(name, "x-amz-trailer-signature") {
			signature = value
			continue
		}
		c.body.trailer.Add(name, value)
		signedText.WriteString(strings.ToLower(name) + ":" + value + "\n")
	}
	if err := c.checkAnnounced(); err != nil {
		return err
	}
	if c.signed.Payload == StreamingPayloadTrailer {
		if err := c.check(signature, trailerStringToSignPrefix, hexSHA256(signedText.String())); err != nil {
			return err
		}
	}
	if _, err := c.br.ReadByte(); !errors.Is(err, io.EOF) {
		return refuse(MalformedBody, "The aws-chunked body goes on after its end.")
	}
	return io.EOF
}

func (c *chunkReader) checkAnnounced() error {
	missing := len(c.trailers)
	for _, name := range c.trailers {
		missing -= len(c.body.trailer.Values(name))
	}
	if missing != 0 || len(c.body.trailer) != len(c.trailers) {
		return refuse(MalformedBody, "The trailers of the body are not those that x-amz-trailer announced.")
	}
	return nil
}

// line reads up to a line feed and strips it and a carriage return before it.
// At the end of the body it returns io.ErrUnexpectedEOF only if nothing was
// left, which the trailer section allows.
func (c *chunkReader) line(limit int) (string, error) {
	var b []byte
	for {
		piece, err := c.br.ReadSlice('\n')
		b = append(b, piece...)
		switch {
		case len(b) > limit:
			return "", refuse(MalformedBody, "A line of the aws-chunked body is too long.")
		case err == nil:
			return strings.TrimSuffix(string(b[:len(b)-1]), "\r"), nil
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(b) == 0:
			return "", io.ErrUnexpectedEOF
		default:
			return "", truncated(err)
		}
	}
}

func (c *chunkReader) crlf() error {
	var two [2]byte
	if _, err := io.ReadFull(c.br, two[:]); err != nil {
		return truncated(err)
	}
	if two != [2]byte{'\r', '\n'} {
		return refuse(MalformedBody, "A chunk of the aws-chunked body does not end where its size says.")
	}
	return nil
}

// truncated makes a body that ends early an *Error and leaves a real read
// error (a closed connection, a time-out) as it is.
func truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &Error{Reason: IncompleteBody}
	}
	return err
}
