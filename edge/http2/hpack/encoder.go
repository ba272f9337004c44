// Package hpack compresses the header fields of answers over HTTP/2 (RFC 7541). What
// viewers send is read by the decoder of golang.org/x/net; its encoder puts into the table
// whatever it is given, and allocates.
package hpack

import (
	"hash/maphash"
	"strconv"
	"strings"

	huffman "golang.org/x/net/http2/hpack"
)

// Encoder compresses the header fields of one connection (RFC 7541).
//
// A field enters the dynamic table the second time it is seen: what repeats
// (server, content type, cache control, the validators of a hot object) costs one
// byte from the third answer on, and what never does (request ids, ages) neither
// pushes it out nor costs more than its bytes. To find a field the encoder hashes
// its name and value as they are; it holds copies, for the strings of an answer
// are its owner's.
type Encoder struct {
	seed maphash.Seed
	// slots remember fields by hash, two to a hash.
	slots [slotCount]slot
	// entries is a ring: entry n (counted from 1) is at n % maxEntries.
	entries       []entry
	added, oldest uint32 // the newest entry's number, and the oldest one's
	size, limit   int    // in the bytes of RFC 7541 section 4.1

	// A change of the limit is told at the beginning of the next block, and so is the
	// lowest that it was in between (RFC 7541 section 4.2).
	changed bool
	lowest  int
}

type slot struct {
	hash   uint32
	number uint32 // of the entry; 0: seen once
}

type entry struct{ name, value string }

// maxTable is the size of the dynamic table before any SETTINGS, in bytes (RFC 9113 section
// 6.5.2).
const maxTable = 4096

const (
	slotCount     = 256
	entryOverhead = 32
	maxEntries    = maxTable / entryOverhead
	staticEntries = 61
	// worthIndexing is how long a value must be to be worth a place in the table.
	worthIndexing = 4
)

// NewEncoder returns the encoder of a new connection.
func NewEncoder() *Encoder {
	return &Encoder{seed: maphash.MakeSeed(), oldest: 1, limit: maxTable}
}

// SetLimit follows the viewer's SETTINGS_HEADER_TABLE_SIZE; more than maxTable is
// not made use of.
func (e *Encoder) SetLimit(n uint32) {
	limit := int(min(n, maxTable))
	if !e.changed {
		e.changed, e.lowest = true, limit
	}
	e.lowest = min(e.lowest, limit)
	e.limit = limit
	e.evict(0)
}

// Begin starts a header block.
func (e *Encoder) Begin(dst []byte) []byte {
	if !e.changed {
		return dst
	}
	e.changed = false
	if e.lowest < e.limit {
		// It is told by emptying the table: Go's decoder takes a second change only
		// when nothing is left by the first.
		limit := e.limit
		e.limit = 0
		e.evict(0)
		e.limit = limit
		dst = append(dst, 0x20)
	}
	return appendInteger(dst, 0x20, 5, uint64(e.limit))
}

// Status appends ":status".
func (e *Encoder) Status(dst []byte, status int) []byte {
	switch status {
	case 200:
		return append(dst, 0x80|8)
	case 204:
		return append(dst, 0x80|9)
	case 206:
		return append(dst, 0x80|10)
	case 304:
		return append(dst, 0x80|11)
	case 400:
		return append(dst, 0x80|12)
	case 404:
		return append(dst, 0x80|13)
	case 500:
		return append(dst, 0x80|14)
	}
	return append(dst, 8, 3, byte('0'+status/100%10), byte('0'+status/10%10), byte('0'+status%10))
}

// Field appends one field; its name may have capitals, which HTTP/2 has not.
func (e *Encoder) Field(dst []byte, name, value string) []byte {
	h := uint32(maphash.String(e.seed, name)*31 + maphash.String(e.seed, value))
	if number := e.find(h, name, value); number > 0 {
		return appendInteger(dst, 0x80, 7, uint64(e.added-number)+staticEntries+1)
	}
	var room [64]byte
	lower := appendLower(room[:0], name)
	known := staticName(string(lower))
	switch {
	case sensitive(string(lower)):
		return appendLiteral(dst, 0x10, 4, known, lower, value)
	case string(lower) == requestID:
		// New in every answer; and it is random, where Huffman's code saves
		// nothing.
		return appendRaw(appendName(dst, 0, 4, known, lower), value)
	case len(value) < worthIndexing && known > 0,
		len(name)+len(value)+entryOverhead > e.limit/2,
		!e.seen(h):
		return appendLiteral(dst, 0, 4, known, lower, value)
	}
	e.add(h, name, value)
	return appendLiteral(dst, 0x40, 6, known, lower, value)
}

// requestID is the field that every answer has and no two share.
const requestID = "x-amz-cf-id"

// sensitive reports whether a value is a secret: then no table on the way may hold
// it, or an attacker who can have the viewer ask for things could guess it by the
// size of the answer (RFC 7541 section 7.1.3).
func sensitive(name string) bool {
	return name == "set-cookie" || name == "authorization" || name == "proxy-authorization"
}

// find returns the number of the entry that is this field, 0 if none is.
func (e *Encoder) find(h uint32, name, value string) uint32 {
	for _, s := range e.places(h) {
		if s.hash == h && s.number >= e.oldest {
			if o := &e.entries[s.number%maxEntries]; o.name == name && o.value == value {
				return s.number
			}
		}
	}
	return 0
}

// seen reports whether a field has been seen before. It has been from now on.
func (e *Encoder) seen(h uint32) bool {
	places := e.places(h)
	for _, s := range places {
		if s.hash == h {
			return true
		}
	}
	s := places[0]
	if s.number >= e.oldest {
		s = places[1] // rather than one that is in the table
	}
	*s = slot{hash: h}
	return false
}

func (e *Encoder) add(h uint32, name, value string) {
	size := len(name) + len(value) + entryOverhead
	e.evict(size)
	if e.entries == nil {
		e.entries = make([]entry, maxEntries)
	}
	e.added++
	e.size += size
	e.entries[e.added%maxEntries] = entry{strings.Clone(name), strings.Clone(value)}
	for _, s := range e.places(h) {
		if s.hash == h {
			s.number = e.added
		}
	}
}

func (e *Encoder) places(h uint32) [2]*slot {
	return [2]*slot{&e.slots[h%slotCount], &e.slots[h%slotCount^1]}
}

// evict makes room for size more bytes.
func (e *Encoder) evict(size int) {
	for e.size+size > e.limit && e.oldest <= e.added {
		o := &e.entries[e.oldest%maxEntries]
		e.size -= len(o.name) + len(o.value) + entryOverhead
		*o = entry{}
		e.oldest++
	}
}

// appendLiteral appends a field that is in no table: kind says, in the bits above
// its prefix, what tables may do with it.
func appendLiteral(dst []byte, kind byte, prefix, known int, name []byte, value string) []byte {
	return appendText(appendName(dst, kind, prefix, known, name), value)
}

func appendName(dst []byte, kind byte, prefix, known int, name []byte) []byte {
	dst = appendInteger(dst, kind, prefix, uint64(known))
	if known == 0 {
		dst = appendInteger(dst, 0, 7, uint64(len(name)))
		dst = append(dst, name...)
	}
	return dst
}

// appendText appends a string in Huffman's code if that is shorter (RFC 7541
// section 5.2).
func appendText(dst []byte, s string) []byte {
	if n := huffman.HuffmanEncodeLength(s); n < uint64(len(s)) {
		return huffman.AppendHuffmanString(appendInteger(dst, 0x80, 7, n), s)
	}
	return appendRaw(dst, s)
}

func appendRaw(dst []byte, s string) []byte {
	return append(appendInteger(dst, 0, 7, uint64(len(s))), s...)
}

// appendInteger appends n behind the bits of kind (RFC 7541 section 5.1).
func appendInteger(dst []byte, kind byte, prefix int, n uint64) []byte {
	most := uint64(1)<<prefix - 1
	if n < most {
		return append(dst, kind|byte(n))
	}
	dst = append(dst, kind|byte(most))
	for n -= most; n >= 0x80; n >>= 7 {
		dst = append(dst, byte(n)|0x80)
	}
	return append(dst, byte(n))
}

// AppendContentLength appends the field Content-Length, which enters no table.
func AppendContentLength(dst []byte, n int64) []byte {
	const name = 28 // in the static table
	dst = appendInteger(dst, 0, 4, name)
	var digits [20]byte
	d := strconv.AppendInt(digits[:0], n, 10)
	return append(append(dst, byte(len(d))), d...)
}

func appendLower(dst []byte, name string) []byte {
	for i := 0; i < len(name); i++ {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// staticName returns the place of a name in the static table (RFC 7541 appendix
// A), 0 if it has none or is no field of answers.
func staticName(name string) int {
	switch name {
	case "accept-encoding":
		return 16
	case "accept-language":
		return 17
	case "accept-ranges":
		return 18
	case "accept":
		return 19
	case "access-control-allow-origin":
		return 20
	case "age":
		return 21
	case "allow":
		return 22
	case "authorization":
		return 23
	case "cache-control":
		return 24
	case "content-disposition":
		return 25
	case "content-encoding":
		return 26
	case "content-language":
		return 27
	case "content-length":
		return 28
	case "content-location":
		return 29
	case "content-range":
		return 30
	case "content-type":
		return 31
	case "date":
		return 33
	case "etag":
		return 34
	case "expires":
		return 36
	case "last-modified":
		return 44
	case "link":
		return 45
	case "location":
		return 46
	case "proxy-authenticate":
		return 48
	case "proxy-authorization":
		return 49
	case "refresh":
		return 52
	case "retry-after":
		return 53
	case "server":
		return 54
	case "set-cookie":
		return 55
	case "strict-transport-security":
		return 56
	case "vary":
		return 59
	case "via":
		return 60
	case "www-authenticate":
		return 61
	}
	return 0
}
