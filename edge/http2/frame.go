package http2

import (
	"encoding/binary"
	"fmt"
)

// Frame types (RFC 9113 section 6).
const (
	frameData         = 0x0
	frameHeaders      = 0x1
	framePriority     = 0x2
	frameRSTStream    = 0x3
	frameSettings     = 0x4
	framePushPromise  = 0x5
	framePing         = 0x6
	frameGoAway       = 0x7
	frameWindowUpdate = 0x8
	frameContinuation = 0x9
)

// Flags. END_STREAM and ACK are the same bit of different frames.
const (
	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20
)

// Settings (RFC 9113 section 6.5.2, RFC 9218 section 2.1).
const (
	settingHeaderTableSize      = 0x1
	settingEnablePush           = 0x2
	settingMaxConcurrentStreams = 0x3
	settingInitialWindowSize    = 0x4
	settingMaxFrameSize         = 0x5
	settingMaxHeaderListSize    = 0x6
	settingNoPriorities         = 0x9
)

const (
	preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

	frameHeaderLen = 9
	// maxReadFrame is the least that RFC 9113 section 4.2 allows, and what we leave
	// it at: a larger frame would only hold up the other streams.
	maxReadFrame = 16384
	// maxWriteFrame is where our own DATA frames end, whatever a viewer allows.
	maxWriteFrame     = 16384
	largestFrame      = 1<<24 - 1
	maxWindow         = 1<<31 - 1
	defaultWindow     = 65535
	largestStreamID   = 1<<31 - 1
	defaultTableSize  = 4096
	priorityFieldsLen = 5
)

// code is why a stream or a connection ends (RFC 9113 section 7).
type code uint32

const (
	codeNo              code = 0x0
	codeProtocol        code = 0x1
	codeInternal        code = 0x2
	codeFlowControl     code = 0x3
	codeStreamClosed    code = 0x5
	codeFrameSize       code = 0x6
	codeRefusedStream   code = 0x7
	codeCancel          code = 0x8
	codeCompression     code = 0x9
	codeEnhanceYourCalm code = 0xb
)

var codeNames = [...]string{
	"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
	"FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
	"INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
}

func (c code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return fmt.Sprintf("error %#x", uint32(c))
}

// connError ends a connection with a GOAWAY.
type connError struct {
	code   code
	reason string
}

func (e connError) Error() string { return fmt.Sprintf("http2: %v: %s", e.code, e.reason) }

// frame is a frame's header; its payload is handed on beside it.
type frame struct {
	length int
	kind   byte
	flags  byte
	stream uint32
}

func (f frame) has(flag byte) bool { return f.flags&flag != 0 }

func parseFrame(p []byte) frame {
	return frame{
		length: int(p[0])<<16 | int(p[1])<<8 | int(p[2]),
		kind:   p[3], flags: p[4],
		stream: binary.BigEndian.Uint32(p[5:]) & largestStreamID,
	}
}

func appendFrameHeader(dst []byte, length int, kind, flags byte, stream uint32) []byte {
	return append(dst, byte(length>>16), byte(length>>8), byte(length), kind, flags,
		byte(stream>>24), byte(stream>>16), byte(stream>>8), byte(stream))
}

// appendNumber appends a frame whose payload is one 32-bit number: RST_STREAM and
// WINDOW_UPDATE.
func appendNumber(dst []byte, kind byte, stream, n uint32) []byte {
	return binary.BigEndian.AppendUint32(appendFrameHeader(dst, 4, kind, 0, stream), n)
}

func appendGoAway(dst []byte, last uint32, c code, reason string) []byte {
	dst = appendFrameHeader(dst, 8+len(reason), frameGoAway, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, last)
	dst = binary.BigEndian.AppendUint32(dst, uint32(c))
	return append(dst, reason...)
}

type setting struct {
	id    uint16
	value uint32
}

func appendSettings(dst []byte, settings ...setting) []byte {
	dst = appendFrameHeader(dst, 6*len(settings), frameSettings, 0, 0)
	for _, s := range settings {
		dst = binary.BigEndian.AppendUint16(dst, s.id)
		dst = binary.BigEndian.AppendUint32(dst, s.value)
	}
	return dst
}

// unpad returns the payload of a padded frame without its padding.
func unpad(f frame, p []byte) ([]byte, error) {
	if !f.has(flagPadded) {
		return p, nil
	}
	if len(p) == 0 {
		return nil, connError{codeFrameSize, "a padded frame without the length of its padding"}
	}
	n := int(p[0])
	if n >= len(p) {
		return nil, connError{codeProtocol, "padding is longer than its frame"}
	}
	return p[1 : len(p)-n], nil
}
