package logship

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// sender puts packed files into their buckets. What one bucket does not take holds
// up no other.
type sender struct {
	dir    string
	put    func(context.Context, Object, []byte) error
	m      *metrics
	logger *slog.Logger
	now    func() time.Time
	share  int64 // bytes that may wait for one bucket
	// spooled counts the bytes on the disk.
	spooled *atomic.Int64

	buckets map[string]*waiting
	// known is what is said of each file, read once.
	known map[string]packed
}

type packed struct {
	object Object
	size   int64
}

// waiting is what is known of a bucket that has not taken something.
type waiting struct {
	next  time.Time
	after time.Duration
	said  string // what the log was told, so that it is told once
}

const (
	firstRetry = time.Second
	lastRetry  = time.Minute
	// parallel is how many buckets are put to at a time.
	parallel = 4
)

// send puts what can be put now, and returns when there is more to be tried; the zero
// Time: nothing waits.
func (s *sender) send(ctx context.Context) (next time.Time) {
	paths, err := packedFiles(s.dir)
	if err != nil {
		return s.now().Add(lastRetry)
	}
	byBucket := s.group(paths)
	limit := make(chan struct{}, parallel)
	var wg sync.WaitGroup
	for bucket, paths := range byBucket {
		w := s.buckets[bucket]
		if w == nil {
			w = &waiting{}
			s.buckets[bucket] = w
		}
		if s.now().Before(w.next) || ctx.Err() != nil {
			continue
		}
		wg.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			s.sendTo(ctx, bucket, w, paths)
		})
	}
	wg.Wait()
	for bucket := range byBucket {
		if w := s.buckets[bucket]; !w.next.IsZero() && (next.IsZero() || w.next.Before(next)) {
			next = w.next
		}
	}
	return next
}

// group sorts files by bucket, and drops the oldest of a bucket for which more waits
// than its share.
func (s *sender) group(paths []string) map[string][]string {
	byBucket := map[string][]string{}
	sizes := map[string]int64{}
	known := map[string]packed{}
	for _, path := range paths {
		p, found := s.known[path]
		if !found {
			info, err := os.Stat(path)
			if err == nil {
				p.size = info.Size()
				p.object, _, err = readPacked(path, false)
			}
			if err != nil {
				s.logger.Error("a file of access logs cannot be read and is dropped", "file", path, "err", err)
				_ = removeFile(path, s.spooled) // or it is gone
				continue
			}
		}
		known[path] = p
		byBucket[p.object.Bucket] = append(byBucket[p.object.Bucket], path)
		sizes[p.object.Bucket] += p.size
	}
	s.known = known
	for bucket, all := range byBucket {
		for len(all) > 1 && sizes[bucket] > s.share {
			s.m.dropped("undeliverable", known[all[0]].object.Lines)
			sizes[bucket] -= known[all[0]].size
			_ = removeFile(all[0], s.spooled) // or it is gone
			all = all[1:]
		}
		byBucket[bucket] = all
	}
	return byBucket
}

// sendTo puts the files of one bucket, until one is not taken.
func (s *sender) sendTo(ctx context.Context, bucket string, w *waiting, paths []string) {
	for _, path := range paths {
		o, gz, err := readPacked(path, true)
		if err == nil {
			err = s.put(ctx, o, gz)
		}
		if err != nil {
			s.failed(bucket, w, err)
			return
		}
		s.m.put(o.Lines)
		if err := removeFile(path, s.spooled); err != nil {
			s.logger.Error("a file of access logs was put and cannot be removed", "file", path, "err", err)
		}
		if w.said != "" {
			s.logger.Info("access logs are delivered again", "bucket", bucket)
		}
		*w = waiting{}
	}
}

// failed says once what is wrong, and tries later.
func (s *sender) failed(bucket string, w *waiting, err error) {
	w.after = min(max(2*w.after, firstRetry), lastRetry)
	if errors.Is(err, ErrNotYet) {
		w.after = firstRetry
	}
	w.next = s.now().Add(w.after)
	if errors.Is(err, ErrNotYet) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return
	}
	s.m.failed()
	said := "unreachable"
	var refusal *Refusal
	if errors.As(err, &refusal) {
		said = refusal.Code
	}
	if said == w.said {
		return
	}
	w.said = said
	advice := "they wait in the spool and are tried again"
	switch said {
	case "NoSuchBucket":
		advice = "make the bucket, or change the distribution's Logging; " + advice
	case "AccessDenied":
		advice = "let the bucket's ACLs be enabled (ownership BucketOwnerPreferred), or its policy allow " + DeliveryService + " s3:PutObject; " + advice
	}
	s.logger.Error("access logs cannot be delivered: "+advice, "bucket", bucket, "err", err)
}
