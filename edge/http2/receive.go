package http2

import (
	"encoding/binary"
)

// take does what one frame asks for. An error ends the connection.
func (c *conn) take(f frame, p []byte) error {
	if !c.settled && (f.kind != frameSettings || f.has(flagAck)) {
		return connError{codeProtocol, "the first frame must be SETTINGS"}
	}
	if c.block.stream != 0 && (f.kind != frameContinuation || f.stream != c.block.stream) {
		return connError{codeProtocol, "a header block must be continued before anything else"}
	}
	switch f.kind {
	case frameData:
		return c.takeData(f, p)
	case frameHeaders:
		return c.takeHeaders(f, p)
	case frameContinuation:
		return c.takeContinuation(f, p)
	case frameSettings:
		return c.takeSettings(f, p)
	case framePing:
		return c.takePing(f, p)
	case frameWindowUpdate:
		return c.takeWindowUpdate(f, p)
	case frameRSTStream:
		return c.takeReset(f, p)
	case framePriority:
		return c.takePriority(f, p)
	case frameGoAway:
		return takeGoAway(f, p)
	case framePushPromise:
		return connError{codeProtocol, "a viewer promises nothing"}
	}
	return c.budget.spend(costFrame, c.now) // unknown: ignored (RFC 9113 section 4.1)
}

// takeSettings applies a viewer's settings (RFC 9113 section 6.5).
func (c *conn) takeSettings(f frame, p []byte) error {
	switch {
	case f.stream != 0:
		return connError{codeProtocol, "SETTINGS on a stream"}
	case f.has(flagAck) && len(p) > 0, len(p)%6 != 0:
		return connError{codeFrameSize, "SETTINGS of a wrong size"}
	case f.has(flagAck):
		return c.budget.spend(costFrame, c.now)
	}
	c.settled = true
	c.mu.Lock()
	defer c.mu.Unlock()
	for ; len(p) > 0; p = p[6:] {
		if err := c.set(binary.BigEndian.Uint16(p), binary.BigEndian.Uint32(p[2:])); err != nil {
			return err
		}
	}
	out := c.room()
	out.b = appendFrameHeader(out.b, 0, frameSettings, flagAck, 0)
	return c.budget.spend(costChange, c.now)
}

func (c *conn) set(id uint16, v uint32) error {
	switch id {
	case settingHeaderTableSize:
		c.encoder.SetLimit(v)
	case settingEnablePush:
		if v > 1 {
			return connError{codeProtocol, "SETTINGS_ENABLE_PUSH is neither 0 nor 1"}
		}
	case settingMaxFrameSize:
		if v < maxReadFrame || v > largestFrame {
			return connError{codeProtocol, "SETTINGS_MAX_FRAME_SIZE out of bounds"}
		}
		c.maxFrame = int(min(v, maxWriteFrame))
	case settingInitialWindowSize:
		if v > maxWindow {
			return connError{codeFlowControl, "SETTINGS_INITIAL_WINDOW_SIZE out of bounds"}
		}
		// It changes the windows of streams there are, which may become negative
		// (RFC 9113 section 6.9.2).
		change := int64(v) - c.initial
		c.initial = int64(v)
		for _, st := range c.streams {
			if st.window += change; st.window > maxWindow {
				return connError{codeFlowControl, "SETTINGS_INITIAL_WINDOW_SIZE opens a window too far"}
			}
			c.enqueue(st)
		}
	}
	return nil
}

func (c *conn) takePing(f frame, p []byte) error {
	switch {
	case f.stream != 0:
		return connError{codeProtocol, "PING on a stream"}
	case len(p) != 8:
		return connError{codeFrameSize, "PING of a wrong size"}
	case f.has(flagAck):
		if string(p) == drainPing {
			c.final = c.now
		}
		return c.budget.spend(costFrame, c.now)
	}
	c.mu.Lock()
	out := c.room()
	out.b = append(appendFrameHeader(out.b, 8, framePing, flagAck, 0), p...)
	c.mu.Unlock()
	return c.budget.spend(costFrame, c.now)
}

// takeWindowUpdate opens a window (RFC 9113 section 6.9).
func (c *conn) takeWindowUpdate(f frame, p []byte) error {
	if len(p) != 4 {
		return connError{codeFrameSize, "WINDOW_UPDATE of a wrong size"}
	}
	n := int64(binary.BigEndian.Uint32(p) & maxWindow)
	if n < smallWindow {
		if err := c.budget.spend(costFrame, c.now); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.stream == 0 {
		if n == 0 {
			return connError{codeProtocol, "WINDOW_UPDATE by nothing"}
		}
		if c.window += n; c.window > maxWindow {
			return connError{codeFlowControl, "the connection's window is opened too far"}
		}
		c.opened = c.now
		return nil
	}
	st := c.streams[f.stream]
	switch {
	case st == nil && c.unused(f.stream):
		return connError{codeProtocol, "WINDOW_UPDATE on a stream that is idle"}
	case st == nil:
		// It was under way when the stream ended.
	case n == 0:
		c.resetStream(st, codeProtocol, errMalformed)
	case st.window+n > maxWindow:
		c.resetStream(st, codeFlowControl, errMalformed)
	default:
		st.window += n
		c.enqueue(st)
	}
	return nil
}

// unused reports whether a stream was never opened by the viewer. Those with even
// numbers would be ours, and we open none. Once a viewer was told which of its
// streams is the last that is seen, it may have opened more.
func (c *conn) unused(id uint32) bool {
	return id%2 == 0 || id > c.lastID && c.drain != drainFinal
}

func (c *conn) takeReset(f frame, p []byte) error {
	switch {
	case f.stream == 0:
		return connError{codeProtocol, "RST_STREAM without a stream"}
	case len(p) != 4:
		return connError{codeFrameSize, "RST_STREAM of a wrong size"}
	case c.unused(f.stream):
		return connError{codeProtocol, "RST_STREAM on a stream that is idle"}
	}
	c.mu.Lock()
	if st := c.streams[f.stream]; st != nil {
		c.drop(st, errReset)
	} else {
		c.throwAway(f.stream, 0, true)
	}
	c.mu.Unlock()
	return c.budget.spend(costStream, c.now)
}

// takePriority takes no notice of a priority (RFC 9113 section 5.3.2).
func (c *conn) takePriority(f frame, p []byte) error {
	if f.stream == 0 {
		return connError{codeProtocol, "PRIORITY without a stream"}
	}
	if len(p) != priorityFieldsLen {
		return c.refuse(f.stream, codeFrameSize)
	}
	return c.budget.spend(costFrame, c.now)
}

func takeGoAway(f frame, p []byte) error {
	switch {
	case f.stream != 0:
		return connError{codeProtocol, "GOAWAY on a stream"}
	case len(p) < 8:
		return connError{codeFrameSize, "GOAWAY of a wrong size"}
	}
	return nil // we open no streams; those of the viewer go on
}

// takeData takes a piece of a request's body.
func (c *conn) takeData(f frame, p []byte) error {
	if f.stream == 0 {
		return connError{codeProtocol, "DATA without a stream"}
	}
	data, err := unpad(f, p)
	if err != nil {
		return err
	}
	if len(data) == 0 && !f.has(flagEndStream) {
		if err := c.budget.spend(costFrame, c.now); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unused(f.stream) {
		return connError{codeProtocol, "DATA on a stream that is idle"}
	}
	// Padding counts (RFC 9113 section 6.9.1).
	if c.received -= int64(f.length); c.received < 0 {
		return connError{codeFlowControl, "more DATA than the connection's window"}
	}
	st := c.streams[f.stream]
	if st == nil || st.body == nil || st.body.ended {
		c.used(f.length)
		switch {
		case st != nil:
			c.resetStream(st, codeStreamClosed, errMalformed)
		case f.stream > c.lastID || c.resets.has(f.stream) || c.throwAway(f.stream, f.length, f.has(flagEndStream)):
			return nil
		default:
			c.appendReset(f.stream, codeStreamClosed)
		}
		return c.budget.spend(costStream, c.now)
	}
	return c.addData(st, f, data)
}

func (c *conn) addData(st *stream, f frame, data []byte) error {
	b := st.body
	b.window -= int64(f.length)
	long := b.left >= 0 && int64(len(data)) > b.left
	if b.left >= 0 {
		b.left -= int64(len(data))
	}
	switch last := f.has(flagEndStream); {
	case b.window < 0:
		c.used(f.length)
		c.resetStream(st, codeFlowControl, errMalformed)
		return c.budget.spend(costStream, c.now)
	case long, last && b.left > 0:
		c.used(f.length)
		c.resetStream(st, codeProtocol, errMalformed)
		return c.budget.spend(costStream, c.now)
	}
	b.continues = false
	if pad := f.length - len(data); pad > 0 {
		c.used(pad)
		b.unreported += int64(pad)
	}
	if len(data) > 0 {
		b.add(data)
	}
	if f.has(flagEndStream) {
		b.finish()
	}
	return nil
}
