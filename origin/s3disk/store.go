// Package s3disk keeps S3 buckets, objects and unfinished multipart uploads in
// a folder. It knows nothing of HTTP, XML or access: bytes, names and the
// conditions under which a name changes.
//
// What it promises: an object is whole or absent. Put writes a temporary file,
// syncs it, and renames it into place; a process killed at any point leaves the
// old object or the new one, and the temporary file is removed at the next
// Open. When Put returns, the object survives a crash of the machine too: file
// and folder have been synced. Keys are any UTF-8 of up to 1,024 bytes; a
// key is never a file name (the file is named by the key's SHA-256), so "../x",
// "a//b", "a/" and names that a case-insensitive disk would confuse are safe.
//
// Layout:
//
//	lock                         held while a process has the folder open
//	tmp/                         files being written; emptied by Open
//	buckets/NAME/bucket.json     region, creation time, sub-resource documents
//	buckets/NAME/objects/HH/HASH one object: its bytes, then its Info (file.go)
//	uploads/ID/upload.json       an unfinished multipart upload, and its
//	uploads/ID/N                 parts, in the form of objects
//
// The index of names (a B-tree for each bucket) is in memory and rebuilt by
// Open from the files, which are the only truth.
//
// One mutex guards the index. It is held over the rename that makes a change
// and over the open that starts a read, so an Info and the file it describes
// never part; it is never held while bytes are copied or synced.
package s3disk

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Errors that callers tell apart.
var (
	ErrNoSuchBucket   = errors.New("no such bucket")
	ErrNoSuchKey      = errors.New("no such key")
	ErrBucketExists   = errors.New("bucket exists")
	ErrBucketNotEmpty = errors.New("bucket is not empty")
	ErrNoSuchUpload   = errors.New("no such upload")
	ErrInvalidPart    = errors.New("a part was not uploaded or has another ETag")
	ErrPartOrder      = errors.New("parts are not in ascending order")
	ErrPartTooSmall   = errors.New("a part other than the last is smaller than 5 MiB")
	ErrTooLarge       = errors.New("object is larger than the store allows")
	ErrInvalidKey     = errors.New("a key is UTF-8 of 1 to 1,024 bytes")
	ErrBusy           = errors.New("the upload is being completed")
)

// MaxKeyBytes is the longest key, as at S3.
const MaxKeyBytes = 1024

// Options are what a Store may be told; the zero value works.
type Options struct {
	Logger *slog.Logger
	Now    func() time.Time // stamps what is written
	// MaxObjectBytes bounds one object however it was uploaded; 0 means 5 GiB,
	// which is S3's limit for a single PUT.
	MaxObjectBytes int64
}

// Store is an open folder. Its methods may be called concurrently.
type Store struct {
	dir      string
	log      *slog.Logger
	now      func() time.Time
	maxBytes int64
	lock     *os.File

	mu      sync.RWMutex
	buckets map[string]*bucket
	uploads map[string]*upload
}

// Open opens the folder, makes it if need be, removes what a killed process
// left half-written and reads the index. A folder that another process has
// open is refused.
func Open(dir string, o Options) (*Store, error) {
	s := &Store{
		dir: dir, log: o.Logger, now: o.Now, maxBytes: o.MaxObjectBytes,
		buckets: map[string]*bucket{}, uploads: map[string]*upload{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.maxBytes == 0 {
		s.maxBytes = 5 << 30
	}
	for _, sub := range []string{"buckets", "uploads"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	var err error
	if s.lock, err = lockFile(filepath.Join(dir, "lock")); err != nil {
		return nil, fmt.Errorf("%s is in use by another process: %w", dir, err)
	}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// load empties tmp and reads the index. What it cannot read it names in the
// log and leaves where it is: it may be all that is left of someone's data.
func (s *Store) load() error {
	if err := os.RemoveAll(s.tmp("")); err != nil {
		return err
	}
	if err := os.Mkdir(s.tmp(""), 0o700); err != nil {
		return err
	}
	names, err := os.ReadDir(filepath.Join(s.dir, "buckets"))
	if err != nil {
		return err
	}
	for _, e := range names {
		b, err := s.loadBucket(e.Name())
		if err != nil {
			s.log.Error("bucket cannot be read and is left out", "bucket", e.Name(), "error", err)
			continue
		}
		s.buckets[e.Name()] = b
	}
	return s.loadUploads()
}

// Close gives the folder up for another process to open.
func (s *Store) Close() error { return s.lock.Close() }

func (s *Store) tmp(name string) string { return filepath.Join(s.dir, "tmp", name) }

// discard takes a folder out of sight in one step, then removes it: killed in
// between, the rest is found in tmp and removed by the next Open.
func (s *Store) discard(path string) error {
	out, err := os.MkdirTemp(s.tmp(""), "discard-")
	if err != nil {
		return err
	}
	if err := os.Rename(path, filepath.Join(out, "d")); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return err
	}
	return os.RemoveAll(out)
}

// replaceFile replaces a small file as a whole.
func (s *Store) replaceFile(path string, data []byte) error {
	f, err := os.CreateTemp(s.tmp(""), "file-")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a rename or removal in the folder durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
