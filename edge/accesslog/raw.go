package accesslog

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// Selection says what of a record is kept that most logs leave out.
type Selection struct {
	// Cookies has the request's cookies kept: they are often secrets.
	Cookies bool
	// Headers has all of the request's header fields kept.
	Headers bool
	// LookedUp are Country, ASN and Server, by who makes a line of it.
	LookedUp bool
}

// texts are the record's strings, in their order in the raw form.
func (r *Record) texts() [25]*string {
	return [...]*string{
		&r.Location, &r.Distribution, &r.Domain, &r.Behavior, &r.RequestID, &r.Method, &r.Protocol, &r.Host, &r.Path, &r.Query, &r.Referer, &r.UserAgent,
		&r.Cookie, &r.ForwardedFor, &r.Accept, &r.AcceptEncoding, &r.TLSVersion, &r.Cipher, &r.Result, &r.ResponseResult, &r.Detail, &r.ContentType, &r.ContentRange,
		&r.Encryption, &r.Headers,
	}
}

// later are the strings behind all that, which records of an earlier release lack.
func (r *Record) later() [4]*string {
	return [...]*string{&r.Primary, &r.PrimaryDomain, &r.Origin, &r.Failover}
}

// numbers are the rest of it, but for the times and the viewer.
func (r *Record) numbers() [6]int64 {
	return [...]int64{int64(r.Major)<<8 | int64(r.Minor), int64(r.Status), r.ContentLength, r.Sent, r.Received, int64(r.EncryptedFields)}
}

// AppendRaw appends the record in a form that [Raw.Next] reads again: all of it in
// little room, made in less time than a line takes. It allocates nothing where b has
// the room.
func (r *Record) AppendRaw(b []byte, keep Selection) []byte {
	b = binary.AppendVarint(b, r.Ended.UnixNano())
	b = binary.AppendVarint(b, int64(r.Took))
	b = binary.AppendVarint(b, int64(r.FirstByte))
	for _, n := range r.numbers() {
		b = binary.AppendVarint(b, n)
	}
	viewer := r.Viewer.Addr().As16()
	b = append(b, viewer[:]...)
	b = binary.AppendUvarint(b, uint64(r.Viewer.Port()))
	for _, s := range r.texts() {
		switch {
		case s == &r.Cookie && !keep.Cookies:
			b = append(b, 0)
		case s == &r.Headers:
			b = appendHeaders(b, r.Request, keep.Headers)
		default:
			b = append(binary.AppendUvarint(b, uint64(len(*s))), *s...)
		}
	}
	for _, s := range r.later() {
		b = append(binary.AppendUvarint(b, uint64(len(*s))), *s...)
	}
	return binary.AppendVarint(binary.AppendVarint(b, int64(r.OriginFirst)), int64(r.OriginLast))
}

// appendHeaders appends the request's header as lines "Name:value".
func appendHeaders(b []byte, r *message.Request, keep bool) []byte {
	if r == nil || !keep {
		return append(b, 0)
	}
	size := 0
	for _, f := range r.Header {
		size += len(f.Name) + len(f.Value) + len(":\n")
	}
	b = binary.AppendUvarint(b, uint64(size))
	for _, f := range r.Header {
		b = append(append(append(append(b, f.Name...), ':'), f.Value...), '\n')
	}
	return b
}

// errRaw is what cannot be a record.
var errRaw = errors.New("the log's record is damaged")

// Raw reads records of the raw form, one after the other.
type Raw struct {
	// Text is what is left to be read.
	Text string
	bad  bool
}

func (w *Raw) varint() int64 {
	u := w.uvarint()
	n := int64(u >> 1)
	if u&1 != 0 {
		n = ^n
	}
	return n
}

func (w *Raw) uvarint() uint64 {
	var n uint64
	for i := 0; i < len(w.Text) && i < binary.MaxVarintLen64; i++ {
		n |= uint64(w.Text[i]&0x7f) << (7 * i)
		if w.Text[i] < 0x80 {
			w.Text = w.Text[i+1:]
			return n
		}
	}
	w.bad, w.Text = true, ""
	return 0
}

func (w *Raw) take(n uint64) string {
	if n > uint64(len(w.Text)) {
		w.bad, w.Text = true, ""
		return ""
	}
	s := w.Text[:n]
	w.Text = w.Text[n:]
	return s
}

// Next reads the next record into r, whose strings are then parts of Text.
func (w *Raw) Next(r *Record) error {
	*r = Record{stamp: r.stamp, stamped: r.stamped}
	r.Ended = time.Unix(0, w.varint()).UTC()
	r.Took, r.FirstByte = time.Duration(w.varint()), time.Duration(w.varint())
	version := w.varint()
	r.Major, r.Minor = int(version>>8), int(version&0xff)
	r.Status, r.ContentLength, r.Sent, r.Received, r.EncryptedFields = int(w.varint()), w.varint(), w.varint(), w.varint(), int(w.varint())
	var viewer [16]byte
	copy(viewer[:], w.take(16))
	r.Viewer = netip.AddrPortFrom(netip.AddrFrom16(viewer).Unmap(), uint16(w.uvarint()))
	for _, s := range r.texts() {
		*s = w.take(w.uvarint())
	}
	if w.Text != "" { // else it is an earlier release's, alone in its frame
		for _, s := range r.later() {
			*s = w.take(w.uvarint())
		}
		r.OriginFirst, r.OriginLast = time.Duration(w.varint()), time.Duration(w.varint())
	}
	if w.bad {
		return errRaw
	}
	return nil
}

// headers are the names and the values of Headers.
func (r *Record) headers(yield func(name, value string) bool) {
	for line := range strings.SplitSeq(strings.TrimSuffix(r.Headers, "\n"), "\n") {
		if name, value, found := strings.Cut(line, ":"); found && !yield(name, value) {
			return
		}
	}
}
