package s3disk

import (
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// MaxParts is the greatest part number, as at S3.
	MaxParts = 10000
	// MinPartBytes is the least size of a part that is not the last, as at S3.
	MinPartBytes = 5 << 20
)

// Upload is an unfinished multipart upload.
type Upload struct {
	ID        string
	Bucket    string
	Key       string
	Initiated time.Time
	Headers   map[string]string `json:",omitempty"`
	Tags      string            `json:",omitempty"`
}

// Part is one part that has arrived.
type Part struct {
	Number   int
	Size     int64
	ETag     string
	Modified time.Time
}

type upload struct {
	Upload
	parts map[int]Part
	// completing keeps parts from being replaced while they are put together,
	// and the upload from being completed twice at once.
	completing bool
}

func (s *Store) uploadPath(id string, more ...string) string {
	return filepath.Join(append([]string{s.dir, "uploads", id}, more...)...)
}

func (s *Store) loadUploads() error {
	names, err := os.ReadDir(s.uploadPath(""))
	if err != nil {
		return err
	}
	for _, e := range names {
		u, err := s.loadUpload(e.Name())
		if err != nil {
			s.log.Error("upload cannot be read and is left out", "upload", e.Name(), "error", err)
			continue
		}
		s.uploads[u.ID] = u
	}
	return nil
}

func (s *Store) loadUpload(id string) (*upload, error) {
	u := &upload{parts: map[int]Part{}}
	if err := unmarshalFile(s.uploadPath(id, "upload.json"), &u.Upload); err != nil {
		return nil, err
	}
	if u.ID != id {
		return nil, errDamaged
	}
	files, err := os.ReadDir(s.uploadPath(id))
	if err != nil {
		return nil, err
	}
	for _, e := range files {
		n, err := strconv.Atoi(e.Name())
		if err != nil {
			continue // upload.json
		}
		info, err := readInfo(s.uploadPath(id, e.Name()))
		if err != nil {
			s.log.Error("part cannot be read and is left out", "upload", id, "part", n, "error", err)
			continue
		}
		u.parts[n] = Part{Number: n, Size: info.Size, ETag: info.ETag, Modified: info.Modified}
	}
	return u, nil
}

// CreateUpload begins a multipart upload.
func (s *Store) CreateUpload(bucket, key string, headers map[string]string, tags string) (Upload, error) {
	if err := checkKey(key); err != nil {
		return Upload{}, err
	}
	u := &upload{Upload: Upload{ID: rand.Text(), Bucket: bucket, Key: key, Initiated: s.stamp(), Headers: headers, Tags: tags}, parts: map[int]Part{}}
	doc, err := json.Marshal(u.Upload)
	if err != nil {
		return Upload{}, err
	}
	dir, err := os.MkdirTemp(s.tmp(""), "upload-")
	if err != nil {
		return Upload{}, err
	}
	if err := s.replaceFile(filepath.Join(dir, "upload.json"), doc); err != nil {
		return Upload{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buckets[bucket] == nil {
		return Upload{}, errors.Join(ErrNoSuchBucket, os.RemoveAll(dir))
	}
	if err := os.Rename(dir, s.uploadPath(u.ID)); err != nil {
		return Upload{}, err
	}
	s.uploads[u.ID] = u
	return u.Upload, syncDir(s.uploadPath(""))
}

// findUpload returns the upload if it is for this bucket and key.
func (s *Store) findUpload(bucket, key, id string) (*upload, error) {
	u := s.uploads[id]
	switch {
	case s.buckets[bucket] == nil:
		return nil, ErrNoSuchBucket
	case u == nil || u.Bucket != bucket || u.Key != key:
		return nil, ErrNoSuchUpload
	case u.completing:
		return nil, ErrBusy
	}
	return u, nil
}

// PutPart stores part n, in place of an earlier one of that number.
func (s *Store) PutPart(bucket, key, id string, n int, body io.Reader) (Part, error) {
	if n < 1 || n > MaxParts {
		return Part{}, ErrInvalidPart
	}
	if _, _, err := s.Upload(bucket, key, id); err != nil {
		return Part{}, err
	}
	f, size, sum, err := s.receive(body)
	if err != nil {
		return Part{}, err
	}
	p := Part{Number: n, Size: size, ETag: etagOf(sum), Modified: s.stamp()}
	if err := s.commitPart(f, bucket, key, id, p); err != nil {
		drop(f)
		return Part{}, err
	}
	return p, errors.Join(f.Close(), syncDir(s.uploadPath(id)))
}

func (s *Store) commitPart(f *os.File, bucket, key, id string, p Part) error {
	if err := seal(f, &Info{Key: key, Size: p.Size, ETag: p.ETag, Modified: p.Modified}); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.findUpload(bucket, key, id)
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), s.uploadPath(id, strconv.Itoa(p.Number))); err != nil {
		return err
	}
	u.parts[p.Number] = p
	return nil
}

// Upload returns an unfinished upload and its parts in order.
func (s *Store) Upload(bucket, key, id string) (Upload, []Part, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	u, err := s.findUpload(bucket, key, id)
	if err != nil {
		return Upload{}, nil, err
	}
	parts := slices.SortedFunc(maps.Values(u.parts), func(a, b Part) int { return a.Number - b.Number })
	return u.Upload, parts, nil
}

// Uploads returns the unfinished uploads of a bucket in S3's order: by key,
// then by time.
func (s *Store) Uploads(bucket string) ([]Upload, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.buckets[bucket] == nil {
		return nil, ErrNoSuchBucket
	}
	var all []Upload
	for _, u := range s.uploads {
		if u.Bucket == bucket {
			all = append(all, u.Upload)
		}
	}
	slices.SortFunc(all, func(a, b Upload) int {
		if c := strings.Compare(a.Key, b.Key); c != 0 {
			return c
		}
		if c := a.Initiated.Compare(b.Initiated); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all, nil
}

// Abort removes an unfinished upload and its parts.
func (s *Store) Abort(bucket, key, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.findUpload(bucket, key, id); err != nil {
		return err
	}
	delete(s.uploads, id)
	return s.discard(s.uploadPath(id))
}

// Complete makes the object out of the named parts, each with the ETag that
// PutPart returned. Asked again after it succeeded, for a client that did not
// hear the answer, it succeeds again while the object is the one it made.
func (s *Store) Complete(bucket, key, id string, want []Part, ok Condition) (*Info, error) {
	u, err := s.beginComplete(bucket, key, id)
	if errors.Is(err, ErrNoSuchUpload) {
		if info, herr := s.Head(bucket, key); herr == nil && info.Upload == id && id != "" {
			return info, nil
		}
	}
	if err != nil {
		return nil, err
	}
	info, err := s.assemble(u, want, ok)
	s.mu.Lock()
	defer s.mu.Unlock()
	u.completing = false
	if err != nil {
		return nil, err
	}
	delete(s.uploads, id)
	// The object is published: an upload that cannot be removed is only litter.
	if err := s.discard(s.uploadPath(id)); err != nil {
		s.log.Warn("completed upload cannot be removed", "upload", id, "error", err)
	}
	return info, nil
}

func (s *Store) beginComplete(bucket, key, id string) (*upload, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.findUpload(bucket, key, id)
	if err == nil {
		u.completing = true
	}
	return u, err
}

// assemble copies the parts into one file and publishes it. The parts do not
// change meanwhile: u.completing is set.
func (s *Store) assemble(u *upload, want []Part, ok Condition) (*Info, error) {
	sizes, etag, err := u.check(want)
	if err != nil {
		return nil, err
	}
	info := &Info{Key: u.Key, ETag: etag, Modified: s.stamp(), Headers: u.Headers, Tags: u.Tags, Parts: sizes, Upload: u.ID}
	for _, n := range sizes {
		info.Size += n
	}
	if info.Size > s.maxBytes {
		return nil, ErrTooLarge
	}
	f, err := os.CreateTemp(s.tmp(""), "object-")
	if err != nil {
		return nil, err
	}
	for i, p := range want {
		if err := appendPart(f, s.uploadPath(u.ID, strconv.Itoa(p.Number)), sizes[i]); err != nil {
			drop(f)
			return nil, err
		}
	}
	return info, s.commit(f, u.Bucket, info, ok)
}

// check holds the client's list against what has arrived and returns the
// sizes and S3's ETag of a multipart object: the MD5 of the parts' MD5s, and
// their number.
func (u *upload) check(want []Part) (sizes []int64, etag string, err error) {
	if len(want) == 0 {
		return nil, "", ErrInvalidPart
	}
	for i := range want[1:] {
		if want[i+1].Number <= want[i].Number {
			return nil, "", ErrPartOrder
		}
	}
	hash := md5.New()
	for i, w := range want {
		p, ok := u.parts[w.Number]
		if !ok || p.ETag != strings.Trim(w.ETag, `"`) {
			return nil, "", ErrInvalidPart
		}
		if i < len(want)-1 && p.Size < MinPartBytes {
			return nil, "", ErrPartTooSmall
		}
		sum, err := hex.DecodeString(p.ETag)
		if err != nil {
			return nil, "", ErrInvalidPart
		}
		hash.Write(sum)
		sizes = append(sizes, p.Size)
	}
	return sizes, fmt.Sprintf("%x-%d", hash.Sum(nil), len(want)), nil
}

func appendPart(f *os.File, path string, size int64) error {
	p, err := os.Open(path)
	if err != nil {
		return err
	}
	defer p.Close()
	_, err = io.CopyN(f, p, size)
	return err
}
