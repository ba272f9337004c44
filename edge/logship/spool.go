package logship

import (
	"bufio"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/warmfront/warmfront/edge/accesslog"
	"github.com/warmfront/warmfront/edge/handover"
)

// A segment is a file of blocks: a kind, the length and the checksum of what follows.
// The first is of kind blockName, and says what the names of objects are made of; a
// block of routes comes before the records that name them.
const (
	blockName    = 'N'
	blockRoutes  = 'D'
	blockRecords = 'R'

	blockHead = 1 + 4 + 4
	// maxBlock is more than the writer ever writes at once.
	maxBlock = 64 << 20
)

const segmentSuffix = ".segment"

// segment is the one that is written.
type segment struct {
	file  *os.File
	path  string
	size  int64
	named map[uint32]bool // routes that it has
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func createSegment(path string) (*segment, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	s := &segment{file: f, path: path, named: map[uint32]bool{}}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	if err := s.write(blockName, []byte(hex.EncodeToString(id[:]))); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	return s, nil
}

// name writes the routes that the segment does not have yet.
func (s *segment) name(all []*route) error {
	missing := slices.DeleteFunc(all, func(r *route) bool { return s.named[r.Number] })
	if len(missing) == 0 {
		return nil
	}
	doc, err := json.Marshal(missing)
	if err != nil {
		return err
	}
	if err := s.write(blockRoutes, doc); err != nil {
		return err
	}
	for _, r := range missing {
		s.named[r.Number] = true
	}
	return nil
}

func (s *segment) write(kind byte, content []byte) error {
	head := make([]byte, 0, blockHead)
	head = append(head, kind)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(content)))
	head = binary.LittleEndian.AppendUint32(head, crc32.Checksum(content, castagnoli()))
	n, err := s.file.Write(head)
	s.size += int64(n)
	if err == nil {
		n, err = s.file.Write(content)
		s.size += int64(n)
	}
	return err
}

// segments lists those of a folder, the oldest first, and the number that the next
// one has.
func segments(dir string) (paths []string, next uint64, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, 0, err
	}
	for _, e := range entries {
		digits, found := strings.CutSuffix(e.Name(), segmentSuffix)
		var n uint64
		if _, err := fmt.Sscanf(digits, "%d", &n); !found || err != nil {
			continue
		}
		paths = append(paths, filepath.Join(dir, e.Name()))
		next = max(next, n+1)
	}
	return paths, next, nil // ReadDir sorts
}

// reading is a segment that is read back.
type reading struct {
	id     string
	routes map[uint32]*route
	from   *bufio.Reader
	frames string // what is left of the block
	record accesslog.Record
	block  []byte
}

// next returns the next record and its route; io.EOF when there is none. A block that
// is cut off or damaged is the end: nothing behind it was ever kept by the disk.
func (r *reading) next() (*route, *accesslog.Record, error) {
	for r.frames == "" {
		if err := r.nextBlock(); err != nil {
			return nil, nil, err
		}
	}
	number, raw, rest, ok := handover.Next(r.frames)
	if r.frames = rest; !ok {
		return nil, nil, io.EOF
	}
	if raw.Next(&r.record) != nil {
		return nil, nil, io.EOF
	}
	return r.routes[number], &r.record, nil
}

func (r *reading) nextBlock() error {
	var head [blockHead]byte
	if _, err := io.ReadFull(r.from, head[:]); err != nil {
		return io.EOF
	}
	length := binary.LittleEndian.Uint32(head[1:])
	if length > maxBlock {
		return io.EOF
	}
	r.block = slices.Grow(r.block[:0], int(length))[:length]
	if _, err := io.ReadFull(r.from, r.block); err != nil {
		return io.EOF
	}
	if crc32.Checksum(r.block, castagnoli()) != binary.LittleEndian.Uint32(head[5:]) {
		return io.EOF
	}
	switch head[0] {
	case blockName:
		r.id = string(r.block)
	case blockRoutes:
		var routes []*route
		if json.Unmarshal(r.block, &routes) != nil {
			return io.EOF
		}
		for _, x := range routes {
			r.routes[x.Number] = x
		}
	case blockRecords:
		r.frames = string(r.block)
	}
	return nil
}

// readSegment has each record of a segment looked at.
func readSegment(path string, each func(id string, to *route, r *accesslog.Record) error) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r := &reading{routes: map[uint32]*route{}, from: bufio.NewReader(f)}
	for {
		to, record, err := r.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if to == nil { // named in no block, which the writer never does
			continue
		}
		if err := each(r.id, to, record); err != nil {
			return err
		}
	}
}
