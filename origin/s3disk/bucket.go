package s3disk

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/btree"
)

// Bucket is what is known of a bucket besides its objects. It is immutable: a
// change makes a new one, so two equal pointers are one state.
type Bucket struct {
	Name    string
	Region  string
	Created time.Time
	// Documents are the bucket's sub-resources as their owner gave them, by
	// name: policy, tagging, …
	Documents map[string]string `json:",omitempty"`
}

type bucket struct {
	meta    *Bucket
	objects *btree.BTreeG[*Info]
}

func newBucket(meta *Bucket) *bucket {
	return &bucket{meta: meta, objects: btree.NewG(32, func(a, b *Info) bool { return a.Key < b.Key })}
}

func (b *bucket) get(key string) *Info {
	info, _ := b.objects.Get(&Info{Key: key})
	return info
}

func (s *Store) bucketPath(name string, more ...string) string {
	return filepath.Join(append([]string{s.dir, "buckets", name}, more...)...)
}

// objectPath is where the object of a key is stored: the hash is a legal and
// distinct file name for every key on every disk.
func (s *Store) objectPath(bucket, key string) string {
	sum := sha256.Sum256([]byte(key))
	name := hex.EncodeToString(sum[:])
	return s.bucketPath(bucket, "objects", name[:2], name)
}

func (s *Store) loadBucket(name string) (*bucket, error) {
	doc, err := os.ReadFile(s.bucketPath(name, "bucket.json"))
	if err != nil {
		return nil, err
	}
	meta := &Bucket{}
	if err := json.Unmarshal(doc, meta); err != nil {
		return nil, err
	}
	b := newBucket(meta)
	err = filepath.WalkDir(s.bucketPath(name, "objects"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := readInfo(path)
		if err == nil && s.objectPath(name, info.Key) != path {
			err = errDamaged
		}
		if err != nil {
			s.log.Error("object cannot be read and is left out", "bucket", name, "file", path, "error", err)
			return nil
		}
		b.objects.ReplaceOrInsert(info)
		return nil
	})
	return b, err
}

// CreateBucket makes an empty bucket. The name becomes a folder, so a caller
// lets only valid bucket names through; one that is not a plain folder name is
// refused here.
func (s *Store) CreateBucket(meta Bucket) error {
	if meta.Name == "" || strings.ContainsAny(meta.Name, `/\`) || strings.HasPrefix(meta.Name, ".") {
		return errors.New("not a bucket name")
	}
	meta.Created = s.now().UTC().Truncate(time.Second)
	doc, err := json.Marshal(meta)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(s.tmp(""), "bucket-")
	if err != nil {
		return err
	}
	err = errors.Join(os.Mkdir(filepath.Join(dir, "objects"), 0o700), s.replaceFile(filepath.Join(dir, "bucket.json"), doc))
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buckets[meta.Name] != nil {
		return errors.Join(ErrBucketExists, os.RemoveAll(dir))
	}
	if err := os.Rename(dir, s.bucketPath(meta.Name)); err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	s.buckets[meta.Name] = newBucket(&meta)
	return syncDir(s.bucketPath(""))
}

// DeleteBucket removes an empty bucket and its unfinished uploads.
func (s *Store) DeleteBucket(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[name]
	if b == nil {
		return ErrNoSuchBucket
	}
	if b.objects.Len() > 0 {
		return ErrBucketNotEmpty
	}
	if err := s.discard(s.bucketPath(name)); err != nil {
		return err
	}
	delete(s.buckets, name)
	for id, u := range s.uploads {
		if u.Bucket == name {
			delete(s.uploads, id)
			if err := s.discard(s.uploadPath(id)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Bucket returns the bucket's present state.
func (s *Store) Bucket(name string) (*Bucket, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b := s.buckets[name]
	if b == nil {
		return nil, ErrNoSuchBucket
	}
	return b.meta, nil
}

// Buckets returns all buckets, sorted by name.
func (s *Store) Buckets() []*Bucket {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]*Bucket, 0, len(s.buckets))
	for _, b := range s.buckets {
		all = append(all, b.meta)
	}
	slices.SortFunc(all, func(a, b *Bucket) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// SetDocument replaces one of the bucket's documents; an empty one removes it.
func (s *Store) SetDocument(name, document, content string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[name]
	if b == nil {
		return ErrNoSuchBucket
	}
	next := *b.meta
	next.Documents = maps.Clone(b.meta.Documents)
	if next.Documents == nil {
		next.Documents = map[string]string{}
	}
	next.Documents[document] = content
	if content == "" {
		delete(next.Documents, document)
	}
	doc, err := json.Marshal(next)
	if err != nil {
		return err
	}
	// Synced under the lock: documents are few and small, and two of them put
	// at once must not each forget the other.
	if err := s.replaceFile(s.bucketPath(name, "bucket.json"), doc); err != nil {
		return err
	}
	b.meta = &next
	return nil
}
