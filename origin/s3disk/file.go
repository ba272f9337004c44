package s3disk

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Info is what is known of an object besides its bytes. It is immutable once
// the object is stored.
type Info struct {
	Key      string
	Size     int64
	ETag     string // without quotes: hex MD5, or MD5 of the parts' MD5s and "-N"
	Modified time.Time
	// Headers are those that S3 keeps and returns: Content-Type, Cache-Control,
	// X-Amz-Meta-…, in canonical form.
	Headers map[string]string `json:",omitempty"`
	Tags    string            `json:",omitempty"` // URL-encoded
	// Checksums are the object's x-amz-checksum-* headers, as the client gave
	// and the server verified them.
	Checksums map[string]string `json:",omitempty"`
	Parts     []int64           `json:",omitempty"` // sizes, of a multipart object
	Upload    string            `json:",omitempty"` // the upload that made it
}

// A stored file is the object's bytes, then its Info as JSON, then the length
// of that JSON (4 bytes) and a mark. One file, so that one rename publishes
// both; the Info last, because size and MD5 are known last.
const (
	mark        = "WFS3v1\r\n"
	footerBytes = 4 + len(mark)
	maxInfo     = 1 << 20 // 10,000 part sizes come to about 150 KB
)

var errDamaged = errors.New("not a whole object file")

// seal appends the Info to a file that holds the bytes, and syncs it.
func seal(f *os.File, info *Info) error {
	doc, err := json.Marshal(info)
	if err != nil {
		return err
	}
	doc = binary.BigEndian.AppendUint32(doc, uint32(len(doc)))
	if _, err := f.Write(append(doc, mark...)); err != nil {
		return err
	}
	return f.Sync()
}

// readInfo reads the Info of a stored file and checks that the file is whole.
func readInfo(path string) (*Info, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	// One read takes in the Info of all but large multipart objects.
	tail := make([]byte, min(st.Size(), 4096))
	if _, err := f.ReadAt(tail, st.Size()-int64(len(tail))); err != nil {
		return nil, err
	}
	if len(tail) < footerBytes || string(tail[len(tail)-len(mark):]) != mark {
		return nil, errDamaged
	}
	n := int64(binary.BigEndian.Uint32(tail[len(tail)-footerBytes:]))
	start := st.Size() - int64(footerBytes) - n
	if n > maxInfo || start < 0 {
		return nil, errDamaged
	}
	doc := make([]byte, n)
	if _, err := f.ReadAt(doc, start); err != nil {
		return nil, err
	}
	info := &Info{}
	if err := json.Unmarshal(doc, info); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if info.Size != start {
		return nil, errDamaged
	}
	return info, nil
}

// receive writes body to a new temporary file and returns it, open at its end,
// with size and MD5. The caller seals and commits it, or drops it.
func (s *Store) receive(body io.Reader) (f *os.File, size int64, sum []byte, err error) {
	f, err = os.CreateTemp(s.tmp(""), "object-")
	if err != nil {
		return nil, 0, nil, err
	}
	hash := md5.New()
	size, err = io.CopyBuffer(io.MultiWriter(f, hash), io.LimitReader(body, s.maxBytes+1), make([]byte, 256<<10))
	if err == nil && size > s.maxBytes {
		err = ErrTooLarge
	}
	if err != nil {
		drop(f)
		return nil, 0, nil, err
	}
	return f, size, hash.Sum(nil), nil
}

// drop removes a temporary file that will not be published. What is left if
// that fails, the next Open removes.
func drop(f *os.File) {
	_ = f.Close()
	_ = os.Remove(f.Name())
}

func etagOf(sum []byte) string { return hex.EncodeToString(sum) }
