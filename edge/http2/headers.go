package http2

import (
	"errors"

	"github.com/warmfront/warmfront/edge/message"
)

var errMalformed = errors.New("http2: the viewer broke the protocol")

// takeHeaders takes the first frame of a header block.
func (c *conn) takeHeaders(f frame, p []byte) error {
	if f.stream%2 == 0 {
		return connError{codeProtocol, "HEADERS on a stream that is not a viewer's"}
	}
	p, err := unpad(f, p)
	if err != nil {
		return err
	}
	if f.has(flagPriority) {
		if len(p) < priorityFieldsLen {
			return connError{codeFrameSize, "HEADERS too small for its priority"}
		}
		p = p[priorityFieldsLen:]
	}
	if f.has(flagEndHeaders) {
		return c.takeBlock(f.stream, f.has(flagEndStream), p)
	}
	c.block = block{f.stream, f.has(flagEndStream), append(c.block.bytes[:0], p...), c.now}
	return nil
}

func (c *conn) takeContinuation(f frame, p []byte) error {
	if c.block.stream == 0 {
		return connError{codeProtocol, "CONTINUATION of nothing"}
	}
	cost := costFrame
	if len(p) == 0 {
		cost = costChange
	}
	if err := c.budget.spend(cost, c.now); err != nil {
		return err
	}
	if len(c.block.bytes)+len(p) > maxBlock {
		// It can be neither kept nor passed over: the table would be wrong after it.
		return connError{codeEnhanceYourCalm, "a header block too large"}
	}
	c.block.bytes = append(c.block.bytes, p...)
	if !f.has(flagEndHeaders) {
		return nil
	}
	b := c.block
	c.block = block{}
	return c.takeBlock(b.stream, b.endStream, b.bytes)
}

// takeBlock takes a whole header block: a request, or the trailer of one. Whatever
// becomes of it, it has been decoded, or the table would be wrong after it.
func (c *conn) takeBlock(id uint32, endStream bool, p []byte) error {
	if id <= c.lastID {
		return c.takeTrailer(id, endStream, p)
	}
	st := c.newStream()
	c.head.reset(false, st.req.Header)
	if err := c.decode(p); err != nil {
		return err
	}
	st.id, st.req.Header = id, c.head.fields
	if c.drain == drainFinal {
		c.recycle(st) // the viewer has been told that it was not seen
		return nil
	}
	c.mu.Lock()
	c.lastID = id
	busy := len(c.streams) >= maxStreams || c.running >= 2*maxStreams
	c.mu.Unlock()
	h := &c.head
	switch {
	case h.tooLarge():
		return c.decline(st, 431, endStream)
	case h.flaw != "", endStream && h.length > 0:
		c.recycle(st)
		return c.refuse(id, codeProtocol)
	case busy:
		c.recycle(st)
		return c.refuse(id, codeRefusedStream)
	case h.connect():
		return c.decline(st, 501, endStream)
	}
	return c.request(st, endStream)
}

// request has a request answered.
func (c *conn) request(st *stream, endStream bool) error {
	r, h := &st.req, &c.head
	h.fill(r)
	r.Major, r.Minor, r.Received = 2, 0, c.now
	r.Scheme, r.ServerName, r.TLSVersion, r.Cipher = c.shared.scheme, c.shared.serverName, c.shared.tlsVersion, c.shared.cipher
	r.Viewer = c.shared.viewer
	if endStream {
		if st.ready != nil && st.ready.Ready(r) {
			return c.inline(st)
		}
		return c.launch(st)
	}
	b := &requestBody{st: st, window: streamWindow, left: h.length, continues: h.continues, wake: make(chan struct{}, 1)}
	r.Body, r.Length, r.Trailer = b, h.length, b.trailers
	st.body = b
	return c.launch(st)
}

// takeTrailer takes a header block on a stream that was opened before.
func (c *conn) takeTrailer(id uint32, endStream bool, p []byte) error {
	c.head.reset(true, make(message.Header, 0, 4))
	if err := c.decode(p); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	st := c.streams[id]
	switch {
	case st == nil && (c.resets.has(id) || c.throwAway(id, 0, endStream)):
		return nil
	case st == nil && c.past.has(id):
		return connError{codeStreamClosed, "HEADERS on a stream that has ended"}
	case st == nil:
		return connError{codeProtocol, "HEADERS on a stream older than the newest"}
	case st.body == nil || st.body.ended:
		c.resetStream(st, codeStreamClosed, errMalformed)
	case c.head.flaw != "" || c.head.tooLarge() || !endStream || st.body.left > 0:
		c.resetStream(st, codeProtocol, errMalformed)
	default:
		st.body.trailer = c.head.fields
		st.body.finish()
		return nil
	}
	return c.budget.spend(costStream, c.now)
}

// decode decodes a header block into c.head.
func (c *conn) decode(p []byte) error {
	_, err := c.decoder.Write(p)
	if err == nil {
		err = c.decoder.Close()
	}
	if err != nil {
		return connError{codeCompression, err.Error()}
	}
	c.head.finish()
	return nil
}

// refuse resets a stream that nobody works on.
func (c *conn) refuse(id uint32, why code) error {
	c.mu.Lock()
	if st := c.streams[id]; st != nil {
		c.resetStream(st, why, errMalformed)
	} else {
		c.appendReset(id, why)
	}
	c.mu.Unlock()
	return c.budget.spend(costStream, c.now)
}

// decline answers a request that the core cannot be asked.
func (c *conn) decline(st *stream, status int, endStream bool) error {
	c.mu.Lock()
	c.appendAnswer(st, &message.Response{Status: status}, true, c.now)
	if !endStream {
		c.leave(st.id, 0)
	}
	c.mu.Unlock()
	c.recycle(st)
	return c.budget.spend(costStream, c.now)
}
