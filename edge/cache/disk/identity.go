package disk

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/warmfront/warmfront/edge/cache/disk/filesystem"
)

// identity says which folder this is, whose, and how often it was written. It lies twice in its file, and the older copy
// is overwritten in place: that needs no room on a full disk, and one copy is whole at any moment.
type identity struct {
	incarnation [16]byte // random, made with the folder
	// secret goes into hashes and headers: nobody who only chooses what is stored can make keys whose hashes agree, or
	// a body that holds what looks like a record of this store.
	secret     [24]byte
	generation uint64
	// journal is the hash of the name of the journal that the births are of; none is known yet where it is zero.
	journal [sha256.Size]byte
	// mark is what the node tells control, which remembers the greatest: see Store.Mark. Records up to the number
	// recalled may be from before what was stored, replaced or removed later.
	mark, recalled uint64
	next           int64 // where it is written next
}

const (
	formatVersion   = 1
	identityVersion = 2
	identityMagic   = "WFCACHE\n"
	identitySize    = 112
	identityCopy    = 4096 // from the first copy to the second
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (d *identity) encode() []byte {
	b := append(make([]byte, 0, identitySize), identityMagic...)
	b = binary.LittleEndian.AppendUint32(b, identityVersion)
	b = append(b, d.incarnation[:]...)
	b = append(b, d.secret[:]...)
	for _, n := range []uint64{d.generation, d.mark, d.recalled} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	b = append(b, d.journal[:]...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func (d *identity) decode(b []byte) bool {
	le := binary.LittleEndian
	if string(b[:8]) != identityMagic || le.Uint32(b[8:]) != identityVersion ||
		le.Uint32(b[identitySize-4:]) != crc32.Checksum(b[:identitySize-4], castagnoli) {
		return false
	}
	copy(d.incarnation[:], b[12:28])
	copy(d.secret[:], b[28:52])
	d.generation, d.mark, d.recalled = le.Uint64(b[52:]), le.Uint64(b[60:]), le.Uint64(b[68:])
	copy(d.journal[:], b[76:108])
	return true
}

// readIdentity reads who the folder is. Its generation is 0 where nothing was to be read.
func readIdentity(f filesystem.File) (*identity, error) {
	d := &identity{}
	broken := uint64(0)
	for at := int64(0); at <= identityCopy; at += identityCopy {
		b := make([]byte, identitySize)
		if n, err := f.ReadAt(b, at); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		} else if n == 0 {
			continue
		}
		switch c := (identity{next: identityCopy - at}); {
		case !c.decode(b):
			broken++
		case c.generation > d.generation:
			*d = c
		}
	}
	if d.generation > 0 {
		d.generation += broken // that copy may have been the newer one
	}
	return d, nil
}

// openIdentity reads who the folder is and counts its generation up, on the disk before it returns. Fresh is true
// where nothing was to be read, or what is another journal's: then what lies in the folder is nothing of ours.
func (s *Store) openIdentity() (fresh bool, err error) {
	f, err := s.cfg.FS.OpenFile(s.identityPath(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return false, err
	}
	d, err := readIdentity(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return false, err
	}
	fresh = d.generation == 0
	if s.cfg.Journal != "" && d.otherThan(journalHash(s.cfg.Journal)) {
		fresh = true
		s.log.Warn("the disk cache's folder is of another journal, of which nothing may be served; it is emptied", "dir", s.cfg.Dir, "journal", s.cfg.Journal)
	}
	if fresh {
		*d = identity{generation: d.generation, next: d.next}
		_, _ = rand.Read(d.incarnation[:]) // never fails
		_, _ = rand.Read(d.secret[:])
	}
	s.identity, s.tag, s.files.tag = d, d.tag(), d.tag()
	s.recalled.Store(d.recalled)
	err = s.identify(func(d *identity) {
		if s.cfg.Journal != "" {
			d.journal = journalHash(s.cfg.Journal)
		}
	})
	if err == nil && fresh {
		err = s.cfg.FS.SyncDir(s.cfg.Dir)
	}
	return fresh, err
}

func (s *Store) identityPath() string { return filepath.Join(s.cfg.Dir, "identity") }

// identify writes the identity, changed, to the disk. Where that fails it is as it was.
func (s *Store) identify(change func(*identity)) (err error) {
	s.identifying.Lock()
	defer s.identifying.Unlock()
	next := *s.identity
	next.generation++
	change(&next)
	f, err := s.cfg.FS.OpenFile(s.identityPath(), os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		if _, err = f.WriteAt(next.encode(), next.next); err == nil {
			err = f.Sync()
		}
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("cannot write down whose the disk cache is: %w", err)
	}
	s.mark.Store(next.mark)
	d := s.identity // what is read without the lock stays
	d.generation, d.journal, d.mark, d.recalled, d.next = next.generation, next.journal, next.mark, next.recalled, identityCopy-next.next
	return nil
}

func journalHash(name string) [sha256.Size]byte { return sha256.Sum256([]byte(name)) }

// otherThan reports whether the folder is of another journal than one that has this hash.
func (d *identity) otherThan(journal [sha256.Size]byte) bool {
	return d.journal != [sha256.Size]byte{} && d.journal != journal
}

// hash returns the hashes an entry is found by: of the key, and of key and variant.
func (d *identity) hash(key string) uint64 { return d.sum(0, key, "") }

func (d *identity) hashVariant(key, variant string) uint64 { return d.sum(1, key, variant) }

func (d *identity) sum(kind byte, key, variant string) uint64 {
	var room [512]byte
	b := append(room[:0], d.secret[:16]...)
	b = append(b, kind)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(key)))
	b = append(b, key...)
	b = append(b, variant...)
	sum := sha256.Sum256(b)
	return binary.LittleEndian.Uint64(sum[:])
}

// tag opens every header.
func (d *identity) tag() uint64 { return binary.LittleEndian.Uint64(d.secret[16:]) }

func (d *identity) String() string { return hex.EncodeToString(d.incarnation[:]) }
