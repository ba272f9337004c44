package s3disk

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"
)

// Condition decides whether a change may be made, given the object that is
// there now (nil if none). It is called with the index locked, in the same
// step as the change.
type Condition func(current *Info) error

// Write is what Put is told besides the bytes.
type Write struct {
	Headers map[string]string
	Tags    string
	If      Condition // nil: always
	// Checksums is called once the body has been read to its end, for what only
	// then is known and verified.
	Checksums func() map[string]string
}

// Put stores an object. It returns after bytes and name are durable. If body
// returns an error other than io.EOF nothing changes.
func (s *Store) Put(bucket, key string, w Write, body io.Reader) (*Info, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if _, err := s.Bucket(bucket); err != nil {
		return nil, err
	}
	f, size, sum, err := s.receive(body)
	if err != nil {
		return nil, err
	}
	info := &Info{Key: key, Size: size, ETag: etagOf(sum), Modified: s.stamp(), Headers: w.Headers, Tags: w.Tags}
	if w.Checksums != nil {
		info.Checksums = w.Checksums()
	}
	return info, s.commit(f, bucket, info, w.If)
}

func checkKey(key string) error {
	if key == "" || len(key) > MaxKeyBytes || !utf8.ValidString(key) {
		return ErrInvalidKey
	}
	return nil
}

// stamp is now in S3's resolution: HTTP dates know seconds only.
func (s *Store) stamp() time.Time { return s.now().UTC().Truncate(time.Second) }

// commit seals a received file and publishes it under info.Key.
func (s *Store) commit(f *os.File, bucket string, info *Info, ok Condition) error {
	path := s.objectPath(bucket, info.Key)
	err := seal(f, info)
	if err == nil {
		err = s.publish(f.Name(), path, bucket, info, ok)
	}
	if err != nil {
		drop(f)
		return err
	}
	return errors.Join(f.Close(), syncDir(filepath.Dir(path)))
}

func (s *Store) publish(from, to, bucket string, info *Info, ok Condition) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[bucket]
	if b == nil {
		return ErrNoSuchBucket // deleted while the body arrived
	}
	if ok != nil {
		if err := ok(b.get(info.Key)); err != nil {
			return err
		}
	}
	if err := os.Rename(from, to); errors.Is(err, os.ErrNotExist) {
		// The first object of this hash prefix. Its folder must be durable
		// before the name in it is.
		if err := os.Mkdir(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		if err := errors.Join(syncDir(filepath.Dir(filepath.Dir(to))), os.Rename(from, to)); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	b.objects.ReplaceOrInsert(info)
	return nil
}

// Head returns what is known of an object.
func (s *Store) Head(bucket, key string) (*Info, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.find(bucket, key)
}

func (s *Store) find(bucket, key string) (*Info, error) {
	b := s.buckets[bucket]
	if b == nil {
		return nil, ErrNoSuchBucket
	}
	info := b.get(key)
	if info == nil {
		return nil, ErrNoSuchKey
	}
	return info, nil
}

// Get opens an object. The file holds info.Size bytes of content and then what
// is not the caller's; it goes on being readable when the object is replaced
// or deleted meanwhile. The caller closes it.
func (s *Store) Get(bucket, key string) (*Info, *os.File, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	info, err := s.find(bucket, key)
	if err != nil {
		return nil, nil, err
	}
	f, err := os.Open(s.objectPath(bucket, key))
	return info, f, err
}

// Delete removes an object; one that is not there is no error.
func (s *Store) Delete(bucket, key string, ok Condition) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := s.find(bucket, key)
	if errors.Is(err, ErrNoSuchKey) {
		return nil
	}
	if err != nil {
		return err
	}
	if ok != nil {
		if err := ok(info); err != nil {
			return err
		}
	}
	path := s.objectPath(bucket, key)
	if err := os.Remove(path); err != nil {
		return err
	}
	s.buckets[bucket].objects.Delete(info)
	return syncDir(filepath.Dir(path))
}

// Copy stores the bytes of one object under another name.
func (s *Store) Copy(srcBucket, srcKey, bucket, key string, w Write) (*Info, error) {
	info, f, err := s.Get(srcBucket, srcKey)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return s.Put(bucket, key, w, io.LimitReader(f, info.Size))
}

// Retag replaces the tags of an object and leaves all else as it is.
func (s *Store) Retag(bucket, key, tags string) error {
	for {
		info, src, err := s.Get(bucket, key)
		if err != nil {
			return err
		}
		next := *info
		next.Tags = tags
		err = s.rewrite(bucket, src, info, &next)
		if !errors.Is(err, errReplaced) {
			return err
		}
	}
}

var errReplaced = errors.New("the object was replaced meanwhile")

func (s *Store) rewrite(bucket string, src *os.File, old, next *Info) error {
	defer src.Close()
	f, err := os.CreateTemp(s.tmp(""), "object-")
	if err != nil {
		return err
	}
	if _, err := io.CopyN(f, src, old.Size); err != nil {
		drop(f)
		return err
	}
	return s.commit(f, bucket, next, func(current *Info) error {
		if current != old {
			return errReplaced
		}
		return nil
	})
}

// Listing is one page of a bucket.
type Listing struct {
	Objects  []*Info
	Prefixes []string // the common prefixes, in order
	// Next is the name to list after for what follows; "" at the end.
	Next string
}

// List returns up to limit names after the given one: objects whose key begins
// with prefix, those that hold the delimiter after it rolled up into one common
// prefix each. A common prefix given as after is passed whole.
func (s *Store) List(bucket, prefix, delimiter, after string, limit int) (*Listing, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b := s.buckets[bucket]
	if b == nil {
		return nil, ErrNoSuchBucket
	}
	l := &Listing{}
	// from is the least key not yet looked at, last the last name returned.
	from, last := max(prefix, after), ""
	for {
		info := next(b, from)
		if info == nil || !strings.HasPrefix(info.Key, prefix) {
			return l, nil
		}
		common := rollUp(info.Key, prefix, delimiter)
		switch {
		case common == "" && info.Key == after:
			from = info.Key + "\x00"
			continue
		case common != "" && common == after:
			if from = pastPrefix(common); from == "" {
				return l, nil
			}
			continue
		case len(l.Objects)+len(l.Prefixes) == limit:
			l.Next = last
			return l, nil
		case common != "":
			l.Prefixes = append(l.Prefixes, common)
			if last, from = common, pastPrefix(common); from == "" {
				return l, nil
			}
		default:
			l.Objects = append(l.Objects, info)
			last, from = info.Key, info.Key+"\x00"
		}
	}
}

// next is the first object whose key is not below from.
func next(b *bucket, from string) (info *Info) {
	b.objects.AscendGreaterOrEqual(&Info{Key: from}, func(i *Info) bool {
		info = i
		return false
	})
	return info
}

// rollUp is the common prefix that a key falls under, "" if none.
func rollUp(key, prefix, delimiter string) string {
	if delimiter == "" {
		return ""
	}
	rest := key[len(prefix):]
	i := strings.Index(rest, delimiter)
	if i < 0 {
		return ""
	}
	return prefix + rest[:i+len(delimiter)]
}

// pastPrefix is the least string above all that begin with p; "" if there is
// none, p being all 0xff.
func pastPrefix(p string) string {
	b := []byte(p)
	for len(b) > 0 && b[len(b)-1] == 0xff {
		b = b[:len(b)-1]
	}
	if len(b) == 0 {
		return ""
	}
	b[len(b)-1]++
	return string(b)
}

func unmarshalFile(path string, v any) error {
	doc, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(doc, v)
}
