package disk

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/warmfront/warmfront/edge/cache/disk/filesystem"
	"github.com/warmfront/warmfront/edge/cache/disk/index"
	"github.com/warmfront/warmfront/edge/cache/disk/s3fifo"
)

// Config says where a store is and how large it may become. Dir and Limit must be set.
type Config struct {
	// Dir is the store's alone. It is made where it is missing; what of a store lies there and cannot be read is lost.
	Dir string
	// Journal names the journal that births are versions of. A folder of another one's is emptied. "": Joined will say.
	Journal string
	// Limit is how many bytes of the disk the folder may take, at least 16 MiB.
	Limit int64
	// Records is how many may be kept, as each takes up to 100 bytes of memory. 0: one for each 16 KiB of Limit.
	Records int
	// OpenFiles is how many files of large bodies are kept open while nobody reads them. 0: 1,024.
	OpenFiles int
	// Sync makes every call that changes something wait until it is on the disk (fsync). Without it nothing is synced
	// but checkpoints and the segments they rest on: after a loss of power what was stored in the last minutes may be
	// gone, and what was removed or replaced then may be back; what is there is whole either way. The end of the
	// process alone, however it comes, loses and brings back nothing.
	Sync bool
	// CheckpointEvery is how often the index is written down. 0: a minute.
	CheckpointEvery time.Duration
	// ScrubRate is how many bytes a second the scrubber reads. 0: 4 MiB; negative: it does not run.
	ScrubRate int64
	// RetryAfter is for how long nothing is written after the disk refused. 0: 30 s.
	RetryAfter time.Duration
	// NewPolicy makes the policy of eviction. Nil: S3-FIFO.
	NewPolicy func(capacity int64) index.Policy

	Logger *slog.Logger     // nil: none
	Now    func() time.Time // nil: time.Now
	FS     filesystem.FS    // nil: the system's
}

const minLimit = 16 << 20

func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" {
		return c, errors.New("the disk cache needs a folder")
	}
	if c.Limit < minLimit {
		return c, fmt.Errorf("the disk cache needs at least %d MiB, it was given %d bytes", minLimit>>20, c.Limit)
	}
	if c.Records <= 0 {
		c.Records = int(min(c.Limit/(16<<10), math.MaxInt32))
	}
	if c.OpenFiles <= 0 {
		c.OpenFiles = 1024
	}
	if c.CheckpointEvery <= 0 {
		c.CheckpointEvery = time.Minute
	}
	if c.ScrubRate == 0 {
		c.ScrubRate = 4 << 20
	}
	if c.RetryAfter <= 0 {
		c.RetryAfter = 30 * time.Second
	}
	if c.NewPolicy == nil {
		c.NewPolicy = func(capacity int64) index.Policy { return s3fifo.New(capacity) }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.FS == nil {
		c.FS = filesystem.OS{}
	}
	return c, nil
}

// Errors of a Store. None means that it is of no use: whoever gets one goes to the origin.
var (
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("the disk cache is closed")
	// ErrReadOnly: the disk refused a write a while ago; until it is tried again nothing is stored.
	ErrReadOnly = errors.New("the disk refuses to be written")
	// ErrFull: records come in faster than room is made.
	ErrFull = errors.New("the disk cache has no room just now")
	// ErrTooLarge: a key, head or body is larger than what is kept.
	ErrTooLarge = errors.New("too large for the disk cache")
	// ErrGone: the record was replaced, removed or evicted meanwhile.
	ErrGone = errors.New("the record is not in the disk cache any more")
	// ErrAbsent: the slice of a large body was never written.
	ErrAbsent = errors.New("that part of the body is not in the disk cache")
	// ErrCorrupt: the disk gave back other bytes than were written. The record is dropped.
	ErrCorrupt = errors.New("the disk cache has damaged bytes")
)
