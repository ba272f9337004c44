package origin

import (
	"errors"
	"io"

	"github.com/warmfront/warmfront/origin/policy"
	"github.com/warmfront/warmfront/origin/s3config"
	"github.com/warmfront/warmfront/origin/s3disk"
)

// Store seeds buckets from within the process that runs the server. It obeys
// S3's rules for names and policies, and no access control.
type Store struct {
	disk   *s3disk.Store
	region string
}

// CreateBucket makes a bucket as S3 makes them: Block Public Access on, ACLs
// disabled. One that is there already is no error.
func (s *Store) CreateBucket(name string) error {
	if err := checkBucketName(name); err != nil {
		return err
	}
	err := s.disk.CreateBucket(s3disk.Bucket{Name: name, Region: s.region, Documents: s3config.Defaults()})
	if errors.Is(err, s3disk.ErrBucketExists) {
		return nil
	}
	return err
}

// Put stores an object; "" leaves a header out.
func (s *Store) Put(bucket, key, contentType, cacheControl string, body io.Reader) error {
	headers := map[string]string{}
	if contentType != "" {
		headers["Content-Type"] = contentType
	}
	if cacheControl != "" {
		headers["Cache-Control"] = cacheControl
	}
	_, err := s.disk.Put(bucket, key, s3disk.Write{Headers: headers}, body)
	return err
}

// Has tells whether an object is there, so that a seed need not write it again.
func (s *Store) Has(bucket, key string) bool {
	_, err := s.disk.Head(bucket, key)
	return err == nil
}

// SetPolicy sets the bucket's policy, a JSON document; "" removes it.
func (s *Store) SetPolicy(bucket, document string) error {
	if document != "" {
		if _, err := policy.Parse(bucket, []byte(document)); err != nil {
			return err
		}
	}
	return s.disk.SetDocument(bucket, docPolicy, document)
}

// AllowPublic takes Block Public Access off a bucket, so that a policy for
// everyone takes effect.
func (s *Store) AllowPublic(bucket string) error {
	return s.disk.SetDocument(bucket, string(s3config.PublicAccess), "")
}
