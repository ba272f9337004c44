package origin

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"

	"github.com/rclone/gofakes3"

	"github.com/warmfront/warmfront/origin/s3config"
	"github.com/warmfront/warmfront/origin/s3disk"
)

// backend is the disk as the engine wants to see it. Errors go back as S3's;
// the first is kept in the call, because the engine makes InternalError of an
// error that it does not know.
type backend struct{ disk *s3disk.Store }

var (
	_ gofakes3.Backend              = backend{}
	_ gofakes3.ObjectTaggingBackend = backend{}
)

func (b backend) fail(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, s3disk.ErrNoSuchKey):
		return gofakes3.ErrNoSuchKey
	case errors.Is(err, s3disk.ErrNoSuchBucket):
		return gofakes3.ErrNoSuchBucket
	}
	if c := callOf(ctx); c.err == nil {
		c.err = err
	}
	return err
}

func (b backend) ListBuckets(context.Context) ([]gofakes3.BucketInfo, error) {
	var out []gofakes3.BucketInfo
	for _, m := range b.disk.Buckets() {
		out = append(out, gofakes3.BucketInfo{Name: m.Name, CreationDate: gofakes3.NewContentTime(m.Created)})
	}
	return out, nil
}

func (b backend) ListBucket(ctx context.Context, name string, prefix *gofakes3.Prefix, page gofakes3.ListBucketPage) (*gofakes3.ObjectList, error) {
	limit := int(page.MaxKeys)
	if limit <= 0 {
		limit = gofakes3.MaxBucketKeys
	}
	if prefix == nil {
		prefix = &gofakes3.Prefix{}
	}
	l, err := b.disk.List(name, prefix.Prefix, prefix.Delimiter, page.Marker, limit)
	if err != nil {
		return nil, b.fail(ctx, err)
	}
	out := gofakes3.NewObjectList()
	out.NextMarker, out.IsTruncated = l.Next, l.Next != ""
	for _, o := range l.Objects {
		class := gofakes3.StorageClass(o.Headers["X-Amz-Storage-Class"])
		if class == "" {
			class = gofakes3.StorageStandard
		}
		out.Add(&gofakes3.Content{Key: o.Key, LastModified: gofakes3.NewContentTime(o.Modified), ETag: `"` + o.ETag + `"`, Size: o.Size, StorageClass: class})
	}
	for _, p := range l.Prefixes {
		out.AddPrefix(p)
	}
	return out, nil
}

func (b backend) CreateBucket(ctx context.Context, name string) error {
	return b.fail(ctx, b.disk.CreateBucket(s3disk.Bucket{Name: name, Region: defaultRegion, Documents: s3config.Defaults()}))
}

func (b backend) BucketExists(_ context.Context, name string) (bool, error) {
	_, err := b.disk.Bucket(name)
	return err == nil, nil
}

func (b backend) DeleteBucket(ctx context.Context, name string) error {
	return b.fail(ctx, b.disk.DeleteBucket(name))
}

// engineObject describes an object to the engine, which knows its headers and tags as
// metadata.
func engineObject(info *s3disk.Info, contents io.ReadCloser) *gofakes3.Object {
	meta := maps.Clone(info.Headers)
	if meta == nil {
		meta = map[string]string{}
	}
	meta["Last-Modified"] = info.Modified.UTC().Format(http.TimeFormat)
	if info.Tags != "" {
		meta[gofakes3.TaggingMetadataKey] = info.Tags
	}
	digits, _, _ := strings.Cut(info.ETag, "-")
	sum, _ := hex.DecodeString(digits) // only conditions use it, and none reaches the engine
	return &gofakes3.Object{Name: info.Key, Metadata: meta, Size: info.Size, Contents: contents, Hash: sum, PartSizes: info.Parts}
}

func (b backend) HeadObject(ctx context.Context, bucket, key string) (*gofakes3.Object, error) {
	info, err := b.disk.Head(bucket, key)
	if err != nil {
		return nil, b.fail(ctx, err)
	}
	return engineObject(info, http.NoBody), nil
}

func (b backend) GetObject(ctx context.Context, bucket, key string, asked *gofakes3.ObjectRangeRequest) (*gofakes3.Object, error) {
	info, f, err := b.disk.Get(bucket, key)
	if err != nil {
		return nil, b.fail(ctx, err)
	}
	rng, err := asked.Range(info.Size)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	section := io.NewSectionReader(f, 0, info.Size)
	if rng != nil {
		section = io.NewSectionReader(f, rng.Start, rng.Length)
	}
	o := engineObject(info, struct {
		io.Reader
		io.Closer
	}{section, f})
	o.Range = rng
	return o, nil
}

// write splits the engine's metadata into headers and tags.
func write(meta map[string]string, c *call) s3disk.Write {
	w := s3disk.Write{Headers: maps.Clone(meta), Tags: meta[gofakes3.TaggingMetadataKey], If: c.condition}
	delete(w.Headers, gofakes3.TaggingMetadataKey)
	delete(w.Headers, "Last-Modified")
	return w
}

// PutObject reads the body of the call itself: the reader that the engine hands
// over stops short of the end, where signatures, trailers and checksums are
// verified.
func (b backend) PutObject(ctx context.Context, bucket, key string, meta map[string]string, _ io.Reader, _ int64) (gofakes3.PutObjectResult, error) {
	c := callOf(ctx)
	w := write(meta, c)
	w.Checksums = c.body.checksums
	info, err := b.disk.Put(bucket, key, w, c.body)
	if err != nil {
		return gofakes3.PutObjectResult{}, b.fail(ctx, err)
	}
	return gofakes3.PutObjectResult{ETag: `"` + info.ETag + `"`}, nil
}

func (b backend) CopyObject(ctx context.Context, srcBucket, srcKey, bucket, key string, meta map[string]string) (gofakes3.CopyObjectResult, error) {
	info, err := b.disk.Copy(srcBucket, srcKey, bucket, key, write(meta, callOf(ctx)))
	if err != nil {
		return gofakes3.CopyObjectResult{}, b.fail(ctx, err)
	}
	return gofakes3.CopyObjectResult{ETag: `"` + info.ETag + `"`, LastModified: gofakes3.NewContentTime(info.Modified)}, nil
}

func (b backend) DeleteObject(ctx context.Context, bucket, key string) (gofakes3.ObjectDeleteResult, error) {
	return gofakes3.ObjectDeleteResult{}, b.fail(ctx, b.disk.Delete(bucket, key, callOf(ctx).condition))
}

func (b backend) DeleteMulti(ctx context.Context, bucket string, keys ...string) (out gofakes3.MultiDeleteResult, err error) {
	for _, k := range keys {
		if err := b.disk.Delete(bucket, k, nil); err != nil {
			return out, b.fail(ctx, err)
		}
		out.Deleted = append(out.Deleted, gofakes3.ObjectID{Key: k})
	}
	return out, nil
}

func (b backend) SetObjectTagging(ctx context.Context, bucket, key, tags string) error {
	return b.fail(ctx, b.disk.Retag(bucket, key, tags))
}
