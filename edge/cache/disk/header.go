package disk

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache/disk/index"
)

// A record lies in a segment as
//
//	header | key | variant | head | sums of the body's blocks | body
//
// padded to a multiple of index.Align. A record whose body has a file of its own ends after the head.
type header struct {
	segment uint32 // where it lies; so a record is no record anywhere else
	at      int64
	seq     uint64
	key     uint64 // hashes, so that a scan needs to read nothing else
	variant uint64
	file    uint64
	birth   cdn.Version
	body    int64 // its length, wherever it is

	keyLen, variantLen, headLen uint32
	metaSum                     uint32 // of what lies between header and body
}

const (
	headerSize = 112
	blockSize  = 64 << 10 // what a checksum covers

	// The state is outside the header's checksum and is changed in place: a record that was replaced or removed is dead
	// from then on, also for a scan that knows nothing else.
	stateAt   = 8
	stateSize = 4
	stateLive = 0x4556494c

	maxKey  = 64 << 10
	maxHead = 64 << 10
	// maxPacked is the largest body that lies in a segment. Below it a file of its own costs more than the copying when
	// a segment is cleaned (see BenchmarkPut); a record then also stays under the 4 MiB that entry.length can say.
	maxPacked = 256 << 10
	// maxBody bounds what is kept in memory of an open file: two bytes a MiB.
	maxBody = 64 << 30
)

func blocks(size int64) int { return int((size + blockSize - 1) / blockSize) }

func aligned(n int64) int64 { return (n + index.Align - 1) &^ (index.Align - 1) }

// metaLen is the length of what lies between header and body.
func (h *header) metaLen() int64 {
	n := int64(h.keyLen) + int64(h.variantLen) + int64(h.headLen)
	if h.file == 0 {
		n += 4 * int64(blocks(h.body))
	}
	return n
}

// bodyAt is where the body begins in the record.
func (h *header) bodyAt() int64 { return headerSize + h.metaLen() }

// length is that of the whole record, padding included.
func (h *header) length() int64 {
	n := h.bodyAt()
	if h.file == 0 {
		n += h.body
	}
	return aligned(n)
}

func (h *header) entry() index.Entry {
	return index.Entry{
		Key: h.key, Variant: h.variant, Seq: h.seq, File: h.file,
		Segment: h.segment, At: uint32(h.at / index.Align), Length: uint16(h.length() / index.Align),
	}
}

func (h *header) encode(b []byte, tag uint64) {
	le := binary.LittleEndian
	le.PutUint64(b, tag)
	le.PutUint32(b[stateAt:], stateLive)
	le.PutUint32(b[16:], h.segment)
	le.PutUint32(b[20:], formatVersion)
	le.PutUint64(b[24:], uint64(h.at))
	le.PutUint64(b[32:], h.seq)
	le.PutUint64(b[40:], h.key)
	le.PutUint64(b[48:], h.variant)
	le.PutUint64(b[56:], h.file)
	le.PutUint64(b[64:], h.birth.Epoch)
	le.PutUint64(b[72:], h.birth.Number)
	le.PutUint64(b[80:], uint64(h.body))
	le.PutUint32(b[88:], h.keyLen)
	le.PutUint32(b[92:], h.variantLen)
	le.PutUint32(b[96:], h.headLen)
	le.PutUint32(b[100:], h.metaSum)
	le.PutUint64(b[104:], 0)
	le.PutUint32(b[12:], headerSum(b))
}

func headerSum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:stateAt], castagnoli), castagnoli, b[16:headerSize])
}

var (
	errNoHeader = errors.New("no record begins there")
	errDead     = errors.New("the record was replaced or removed")
)

// decode reads a header that lies at a place of a segment. A dead one is decoded too.
func (h *header) decode(b []byte, tag uint64, segment uint32, at int64) error {
	le := binary.LittleEndian
	if len(b) < headerSize || le.Uint64(b) != tag || le.Uint32(b[20:]) != formatVersion || le.Uint32(b[12:]) != headerSum(b) {
		return errNoHeader
	}
	*h = header{
		segment: le.Uint32(b[16:]), at: int64(le.Uint64(b[24:])), seq: le.Uint64(b[32:]),
		key: le.Uint64(b[40:]), variant: le.Uint64(b[48:]), file: le.Uint64(b[56:]),
		birth: cdn.Version{Epoch: le.Uint64(b[64:]), Number: le.Uint64(b[72:])},
		body:  int64(le.Uint64(b[80:])), keyLen: le.Uint32(b[88:]), variantLen: le.Uint32(b[92:]), headLen: le.Uint32(b[96:]),
		metaSum: le.Uint32(b[100:]),
	}
	if h.segment != segment || h.at != at || h.seq == 0 || h.keyLen > maxKey || h.variantLen > maxKey || h.headLen > maxHead ||
		h.body < 0 || h.body > maxBody || h.file == 0 && h.body > maxPacked {
		return errNoHeader
	}
	if le.Uint32(b[stateAt:]) != stateLive {
		return errDead
	}
	return nil
}
