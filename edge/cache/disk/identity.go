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
)

// identity says which folder this is and how often it was opened. It lies twice in its file, and the older copy is
// overwritten in place: that needs no room on a full disk, and one copy is whole at any moment.
type identity struct {
	incarnation [16]byte // random, made with the folder
	// secret goes into hashes and headers: nobody who only chooses what is stored can make keys whose hashes agree, or
	// a body that holds what looks like a record of this store.
	secret     [24]byte
	generation uint64
}

const (
	formatVersion = 1
	identityMagic = "WFCACHE\n"
	identitySize  = 64
	identityCopy  = 4096 // from the first copy to the second
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (d *identity) encode() []byte {
	b := append(make([]byte, 0, identitySize), identityMagic...)
	b = binary.LittleEndian.AppendUint32(b, formatVersion)
	b = append(b, d.incarnation[:]...)
	b = append(b, d.secret[:]...)
	b = binary.LittleEndian.AppendUint64(b, d.generation)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func (d *identity) decode(b []byte) bool {
	if string(b[:8]) != identityMagic || binary.LittleEndian.Uint32(b[8:]) != formatVersion ||
		binary.LittleEndian.Uint32(b[identitySize-4:]) != crc32.Checksum(b[:identitySize-4], castagnoli) {
		return false
	}
	copy(d.incarnation[:], b[12:28])
	copy(d.secret[:], b[28:52])
	d.generation = binary.LittleEndian.Uint64(b[52:])
	return true
}

// openIdentity reads who the folder is and counts its generation up, on the disk before it returns. Fresh is true
// where nothing was to be read: then what lies in the folder is not known to be ours.
func openIdentity(fsys FS, dir string) (d *identity, fresh bool, err error) {
	path := filepath.Join(dir, "identity")
	f, err := fsys.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	d = &identity{}
	broken, older := 0, int64(0)
	for at := int64(0); at <= identityCopy; at += identityCopy {
		b := make([]byte, identitySize)
		if n, err := f.ReadAt(b, at); err != nil && !errors.Is(err, io.EOF) {
			return nil, false, err
		} else if n == 0 {
			continue
		}
		switch c := (identity{}); {
		case !c.decode(b):
			broken, older = broken+1, at
		case c.generation > d.generation:
			*d = c
			if broken == 0 {
				older = identityCopy - at
			}
		}
	}
	if fresh = d.generation == 0; fresh {
		_, _ = rand.Read(d.incarnation[:]) // never fails
		_, _ = rand.Read(d.secret[:])
	}
	// A broken copy may have been the newer one.
	d.generation += 1 + uint64(broken)
	if _, err = f.WriteAt(d.encode(), older); err == nil {
		if err = f.Sync(); err == nil && fresh {
			err = fsys.SyncDir(dir)
		}
	}
	if err != nil {
		return nil, false, fmt.Errorf("cannot count the generation of the cache up: %w", err)
	}
	return d, fresh, nil
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
