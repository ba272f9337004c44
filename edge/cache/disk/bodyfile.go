package disk

import (
	"container/list"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"github.com/warmfront/warmfront/edge/cache/disk/filesystem"
	"github.com/warmfront/warmfront/edge/cache/disk/index"
)

// bodyFile is the file of one large body, sparse, which fills up in slices in any order:
//
//	header | an entry for each slice: the sums of its blocks, and a sum of the entry | body, from the next page on
//
// A slice is there if its entry is right; the entry is written after the slice. There is one bodyFile per file at any
// time, so what it knows is all that is known.
type bodyFile struct {
	id   uint64
	key  uint64 // the hash by which the index finds the record
	size int64
	at   int64 // where the body begins
	file filesystem.File
	tag  uint64

	present  bitmap       // slices that can be read
	claimed  bitmap       // slices that were or are being written
	verified bitmap       // blocks that the kernel may send
	stored   atomic.Int64 // bytes of the slices present

	verifying sync.Mutex // a thousand readers of one new file read it once

	// mu guards what the file is counted as.
	mu        sync.Mutex
	committed bool
	charged   int64 // bytes counted before it was committed

	// These are guarded by files.mu.
	refs    int
	idle    *list.Element // valid while refs is 0
	removed bool          // unlinked: closed after the last reader
}

const (
	// SliceSize is the part of a large body that is written at once, and there or absent as a whole.
	SliceSize = 1 << 20

	fileMagic      = "WFLARGE\n"
	fileHeaderSize = 64
	blocksPerSlice = SliceSize / blockSize
	sliceEntrySize = 4 * (blocksPerSlice + 1)
	bodyAlign      = 4096 // the body begins at a multiple of it
)

func sliceCount(size int64) int { return int((size + SliceSize - 1) / SliceSize) }

func newBodyFile(id, key uint64, size int64, tag uint64, f filesystem.File) *bodyFile {
	table := fileHeaderSize + int64(sliceCount(size))*sliceEntrySize
	return &bodyFile{
		id: id, key: key, size: size, file: f, tag: tag,
		at:      (table + bodyAlign - 1) / bodyAlign * bodyAlign,
		present: newBitmap(sliceCount(size)), claimed: newBitmap(sliceCount(size)), verified: newBitmap(blocks(size)),
	}
}

func (f *bodyFile) header() []byte {
	b := append(make([]byte, 0, fileHeaderSize), fileMagic...)
	b = binary.LittleEndian.AppendUint32(b, formatVersion)
	b = binary.LittleEndian.AppendUint32(b, SliceSize)
	b = binary.LittleEndian.AppendUint64(b, f.tag)
	b = binary.LittleEndian.AppendUint64(b, f.id)
	b = binary.LittleEndian.AppendUint64(b, uint64(f.size))
	b = b[:fileHeaderSize]
	binary.LittleEndian.PutUint32(b[fileHeaderSize-4:], crc32.Checksum(b[:fileHeaderSize-4], castagnoli))
	return b
}

// load reads which slices are there.
func (f *bodyFile) load(verified bool) error {
	b := make([]byte, fileHeaderSize)
	if _, err := f.file.ReadAt(b, 0); err != nil {
		return err
	}
	if string(b) != string(f.header()) {
		return fmt.Errorf("%w: the header of a body's file", ErrCorrupt)
	}
	const batch = 1024
	table := make([]byte, min(batch, sliceCount(f.size))*sliceEntrySize)
	for i := range sliceCount(f.size) {
		if i%batch == 0 {
			n := min(batch, sliceCount(f.size)-i)
			if got, err := f.file.ReadAt(table[:n*sliceEntrySize], fileHeaderSize+int64(i)*sliceEntrySize); err != nil && !errors.Is(err, io.EOF) {
				return err
			} else {
				clear(table[got:])
			}
		}
		entry := table[i%batch*sliceEntrySize:][:sliceEntrySize]
		if f.entrySum(i, entry) != binary.LittleEndian.Uint32(entry[4*blocksPerSlice:]) {
			continue
		}
		f.claimed.set(i)
		if verified {
			f.setVerified(i)
		}
		f.present.set(i)
		f.stored.Add(int64(f.sliceLen(i)))
	}
	return nil
}

// sliceLen is the length of slice i; only the last is not SliceSize.
func (f *bodyFile) sliceLen(i int) int { return int(min(SliceSize, f.size-int64(i)*SliceSize)) }

// entrySum is the sum of a slice's entry. It tells the entries of other files and slices, and nothing at all, apart.
func (f *bodyFile) entrySum(i int, entry []byte) uint32 {
	var salt [24]byte
	binary.LittleEndian.PutUint64(salt[:], f.tag)
	binary.LittleEndian.PutUint64(salt[8:], f.id)
	binary.LittleEndian.PutUint64(salt[16:], uint64(i))
	return crc32.Update(crc32.Checksum(salt[:], castagnoli), castagnoli, entry[:4*blocksPerSlice])
}

func (f *bodyFile) setVerified(slice int) {
	first := slice * blocksPerSlice
	for i := range blocks(int64(f.sliceLen(slice))) {
		f.verified.set(first + i)
	}
}

// write stores a slice that its caller has claimed.
func (f *bodyFile) write(i int, data []byte) error {
	entry := make([]byte, sliceEntrySize)
	for b := range blocks(int64(len(data))) {
		part := data[b*blockSize : min((b+1)*blockSize, len(data))]
		binary.LittleEndian.PutUint32(entry[4*b:], crc32.Checksum(part, castagnoli))
	}
	binary.LittleEndian.PutUint32(entry[4*blocksPerSlice:], f.entrySum(i, entry))
	if _, err := f.file.WriteAt(data, f.at+int64(i)*SliceSize); err != nil {
		return err
	}
	if _, err := f.file.WriteAt(entry, fileHeaderSize+int64(i)*sliceEntrySize); err != nil {
		return err
	}
	f.setVerified(i)
	f.present.set(i)
	f.stored.Add(int64(len(data)))
	return nil
}

// sums reads the sums of a slice's blocks, which takes less than keeping those of all open files in memory.
func (f *bodyFile) sums(slice int) (sums [blocksPerSlice]uint32, err error) {
	if !f.present.get(slice) {
		return sums, ErrAbsent
	}
	entry := make([]byte, sliceEntrySize)
	if _, err := f.file.ReadAt(entry, fileHeaderSize+int64(slice)*sliceEntrySize); err != nil {
		return sums, err
	}
	if f.entrySum(slice, entry) != binary.LittleEndian.Uint32(entry[4*blocksPerSlice:]) {
		return sums, fmt.Errorf("%w: the sums of slice %d", ErrCorrupt, slice)
	}
	for b := range sums {
		sums[b] = binary.LittleEndian.Uint32(entry[4*b:])
	}
	return sums, nil
}

// verify reads those of the blocks first to last that lie in the slice of the first and are not verified, or all if
// again is set.
func (f *bodyFile) verify(first, last int, again bool, buffer []byte) error {
	f.verifying.Lock()
	defer f.verifying.Unlock()
	slice := first / blocksPerSlice
	last = min(last, (slice+1)*blocksPerSlice-1, blocks(f.size)-1)
	if !again && f.verified.run(first, last-first+1) == last-first+1 {
		return nil
	}
	sums, err := f.sums(slice)
	if err != nil {
		return err
	}
	for b := first; b <= last; b++ {
		if !again && f.verified.get(b) {
			continue
		}
		data := buffer[:min(blockSize, f.size-int64(b)*blockSize)]
		if err := readBlock(f.file, f.at+int64(b)*blockSize, data, sums[b%blocksPerSlice]); err != nil {
			return err
		}
		f.verified.set(b)
	}
	return nil
}

// whollyVerified reports whether every block that is there is verified.
func (f *bodyFile) whollyVerified() bool {
	n := 0
	for i := range sliceCount(f.size) {
		if f.present.get(i) {
			n += blocks(int64(f.sliceLen(i)))
		}
	}
	return f.verified.count() == n
}

// takes is how much of the disk the file takes, in index.BodyUnit: its slices, and one for all else.
func (f *bodyFile) takes() uint32 {
	return uint32((f.stored.Load()+index.BodyUnit-1)/index.BodyUnit) + 1
}

// memory is about how much its bitmaps take.
func (f *bodyFile) memory() int64 {
	return 512 + 8*int64(len(f.present)+len(f.claimed)+len(f.verified))
}

// readBlock fills data from a file and compares its sum.
func readBlock(f filesystem.File, at int64, data []byte, sum uint32) error {
	if n, err := f.ReadAt(data, at); n < len(data) {
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%w: cut short", ErrCorrupt)
		}
		return err
	}
	if crc32.Checksum(data, castagnoli) != sum {
		return fmt.Errorf("%w: a block's checksum", ErrCorrupt)
	}
	return nil
}

// createBodyFile makes a file for a body of size bytes.
func createBodyFile(fsys filesystem.FS, path string, id, key uint64, size int64, tag uint64) (*bodyFile, error) {
	file, err := fsys.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	f := newBodyFile(id, key, size, tag, file)
	if _, err := file.WriteAt(f.header(), 0); err != nil {
		return nil, errors.Join(err, file.Close(), fsys.Remove(path))
	}
	return f, nil
}
