package resource

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/keyvalues"
	"github.com/warmfront/warmfront/control/api/call"
	"github.com/warmfront/warmfront/control/cloudfront"
	"github.com/warmfront/warmfront/control/keyvalue"
)

// Objects reads objects from buckets, with an access key of whoever calls.
type Objects interface {
	// Read returns an object, at most so many bytes of it, and the status that the object
	// store answers with. The error is of one that does not answer.
	Read(ctx context.Context, accessKey, bucket, key string, most int64) ([]byte, int, error)
}

// importSource reads what a store is to hold from its beginning; nil where nothing is said.
func (s *Service) importSource(c *call.Call, from *cloudfront.ImportSource) (map[string]string, error) {
	if from == nil {
		return nil, nil
	}
	if from.SourceType != "S3" {
		return nil, invalid("The parameter SourceType must be S3, not %.40q.", from.SourceType)
	}
	name, isS3 := strings.CutPrefix(from.SourceARN, "arn:aws:s3:::")
	bucket, key, _ := strings.Cut(name, "/")
	if !isS3 || bucket == "" || key == "" {
		return nil, invalid("The parameter SourceARN must name an object in a bucket, arn:aws:s3:::BUCKET/KEY, not %.200q.", from.SourceARN)
	}
	if s.Objects == nil {
		return nil, cloudfront.CodeUnsupportedOperation.Errorf("This control was not told where buckets are: start it with --s3-endpoint.")
	}
	text, status, err := s.Objects.Read(c, call.Caller(c), bucket, key, keyvalue.MaxFile+1)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusForbidden:
		return nil, cloudfront.CodeAccessDenied.Errorf("Access denied: the caller may not read %.1100s.", from.SourceARN)
	case status != http.StatusOK:
		return nil, invalid("The import source cannot be read: the object store answers %d for %.1100s.", status, from.SourceARN)
	}
	values, err := keyvalue.ParseFile(text)
	var large *keyvalue.TooLarge
	switch {
	case errors.As(err, &large):
		return nil, cloudfront.CodeEntitySizeLimitExceeded.Errorf("The import source %.1100s is too large: %v.", from.SourceARN, err)
	case err != nil:
		return nil, invalid("The import source %.1100s is not valid: %v.", from.SourceARN, err)
	}
	return values, nil
}

// fill is the change by which a store holds what was imported, to be made with that by which it
// is there; none where nothing was imported.
func (s *Service) fill(id string, values map[string]string) ([]cdn.Change, error) {
	if len(values) == 0 {
		return nil, nil
	}
	etag, err := call.NewID(s.Random, "KV", call.Upper)
	if err != nil {
		return nil, err
	}
	return s.change(cdn.KindKeyValues, cdn.KeyValueUpdate{Store: id, Update: keyvalues.Update{Put: values, ETag: etag, LastModified: s.Now().UnixMilli()}})
}
