package disk

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/warmfront/warmfront/edge/cache/disk/filesystem"
	"github.com/warmfront/warmfront/edge/cache/disk/index"
)

// A checkpoint is the index as it was, so that opening reads only what came later:
//
//	magic | tag | count of segments | count of entries | (id, stable end) of each segment | entries | sum of all
//
// Entries are hints like those in memory, so one that is out of date does no harm.
const (
	checkpointMagic  = "WFINDEX\n"
	checkpointHeader = 8 + 4 + 8 + 4 + 8
	segmentItem      = 4 + 8
	entryItem        = 48
)

func appendEntry(b []byte, m *index.Marked) []byte {
	le := binary.LittleEndian
	b = le.AppendUint64(b, m.Key)
	b = le.AppendUint64(b, m.Variant)
	b = le.AppendUint64(b, m.Seq)
	b = le.AppendUint64(b, m.File)
	b = le.AppendUint32(b, m.Segment)
	b = le.AppendUint32(b, m.At)
	b = le.AppendUint32(b, m.Body)
	b = le.AppendUint16(b, m.Length)
	return append(b, 0, m.Mark)
}

func decodeEntry(b []byte) index.Marked {
	le := binary.LittleEndian
	return index.Marked{Entry: index.Entry{
		Key: le.Uint64(b), Variant: le.Uint64(b[8:]), Seq: le.Uint64(b[16:]), File: le.Uint64(b[24:]),
		Segment: le.Uint32(b[32:]), At: le.Uint32(b[36:]), Body: le.Uint32(b[40:]), Length: le.Uint16(b[44:]),
	}, Mark: b[47]}
}

// sumWriter writes to a file from its beginning, and sums.
type sumWriter struct {
	file filesystem.File
	at   int64
	sum  uint32
}

func (w *sumWriter) Write(p []byte) (int, error) {
	w.sum = crc32.Update(w.sum, castagnoli, p)
	n, err := w.file.WriteAt(p, w.at)
	w.at += int64(n)
	return n, err
}

func (s *Store) checkpointPath() string { return filepath.Join(s.cfg.Dir, "checkpoint") }

// checkpoint writes the index down, synced, with the segments that it points into. After Close the folder may be
// another's.
func (s *Store) checkpoint() error {
	s.checkpointing.Lock()
	defer s.checkpointing.Unlock()
	if s.closed.Load() {
		return nil
	}
	return s.saveIndex()
}

func (s *Store) saveIndex() error {
	if !s.changed.Swap(false) {
		return nil
	}
	size, err := s.writeCheckpoint(s.checkpointPath() + ".tmp")
	if err == nil {
		err = s.cfg.FS.Rename(s.checkpointPath()+".tmp", s.checkpointPath())
	}
	if err == nil {
		err = s.cfg.FS.SyncDir(s.cfg.Dir)
	}
	if err != nil {
		s.changed.Store(true)
		return s.failed("writing a checkpoint", errors.Join(err, s.cfg.FS.Remove(s.checkpointPath()+".tmp")))
	}
	s.checkpointSize.Store(2 * size) // the next one lies beside it for a while
	if s.saves++; s.saves%raiseEvery == 0 {
		return s.raiseMark()
	}
	return nil
}

func (s *Store) writeCheckpoint(path string) (size int64, err error) {
	f, err := s.cfg.FS.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	// Ends first, entries later: a record that comes between is in both and read twice, none is in neither.
	var ends []byte
	all := s.segments.all()
	for _, g := range all {
		ends = binary.LittleEndian.AppendUint32(ends, g.id)
		ends = binary.LittleEndian.AppendUint64(ends, uint64(g.stable()))
	}
	w := &sumWriter{file: f, at: checkpointHeader}
	buffered := bufio.NewWriterSize(w, 1<<20)
	_, _ = buffered.Write(ends) // Flush reports it
	var list []index.Marked
	var item []byte
	count := 0
	for shard := range index.Shards {
		list = s.index.Snapshot(shard, list[:0])
		for i := range list {
			item = appendEntry(item[:0], &list[i])
			_, _ = buffered.Write(item) // Flush reports it
		}
		count += len(list)
	}
	if err := buffered.Flush(); err != nil {
		return 0, err
	}
	head := append(make([]byte, 0, checkpointHeader), checkpointMagic...)
	head = binary.LittleEndian.AppendUint32(head, formatVersion)
	head = binary.LittleEndian.AppendUint64(head, s.tag)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(all)))
	head = binary.LittleEndian.AppendUint64(head, uint64(count))
	sum := binary.LittleEndian.AppendUint32(nil, crc32.Update(w.sum, castagnoli, head))
	if _, err := w.Write(sum); err != nil {
		return 0, err
	}
	if _, err := f.WriteAt(head, 0); err != nil {
		return 0, err
	}
	if err := s.segments.sync(); err != nil {
		return 0, err
	}
	return w.at, f.Sync()
}

var errNoCheckpoint = errors.New("no checkpoint that can be used")

// readCheckpoint returns the entries of the last checkpoint, and how far each segment was in it.
func (s *Store) readCheckpoint() ([]index.Marked, map[uint32]int64, error) {
	f, err := s.cfg.FS.OpenFile(s.checkpointPath(), os.O_RDONLY, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, nil, err
	}
	head := make([]byte, checkpointHeader)
	if _, err := f.ReadAt(head, 0); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errNoCheckpoint, err)
	}
	le := binary.LittleEndian
	segments, count := int64(le.Uint32(head[20:])), int64(le.Uint64(head[24:]))
	if string(head[:8]) != checkpointMagic || le.Uint32(head[8:]) != formatVersion || le.Uint64(head[12:]) != s.tag ||
		count < 0 || count > size/entryItem || size != checkpointHeader+segments*segmentItem+count*entryItem+4 {
		return nil, nil, fmt.Errorf("%w: not one of this folder, or cut short", errNoCheckpoint)
	}
	sum := crc32.New(castagnoli)
	in := bufio.NewReaderSize(io.TeeReader(io.NewSectionReader(f, checkpointHeader, size-checkpointHeader-4), sum), 1<<20)
	ends := make(map[uint32]int64, segments)
	item := make([]byte, entryItem)
	for range segments {
		if _, err := io.ReadFull(in, item[:segmentItem]); err != nil {
			return nil, nil, err
		}
		ends[le.Uint32(item)] = int64(le.Uint64(item[4:]))
	}
	list := make([]index.Marked, count)
	for i := range list {
		if _, err := io.ReadFull(in, item); err != nil {
			return nil, nil, err
		}
		list[i] = decodeEntry(item)
	}
	tail := make([]byte, 4)
	if _, err := f.ReadAt(tail, size-4); err != nil || le.Uint32(tail) != crc32.Update(sum.Sum32(), castagnoli, head) {
		return nil, nil, fmt.Errorf("%w: its checksum", errNoCheckpoint)
	}
	s.checkpointSize.Store(2 * size)
	return list, ends, nil
}
