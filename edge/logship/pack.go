package logship

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/warmfront/warmfront/edge/accesslog"
	"github.com/warmfront/warmfront/edge/logship/columns"
)

// Packed files are what is to be put: gzip or Parquet, what is said of it (JSON), and the length
// of that in four bytes. Their names sort by age.
const packedSuffix = ".packed"

// Object is what is said of a packed file.
type Object struct {
	Bucket string `json:"bucket"`
	Region string `json:"region,omitempty"`
	Key    string `json:"key"`
	Source string `json:"source"`
	Lines  int    `json:"lines"`
}

// packer makes files of segments.
type packer struct {
	dir     string
	lookUp  func(*accesslog.Record) // nil: nobody knows
	spooled *atomic.Int64           // bytes on the disk
}

const (
	// maxOpen is how many files are made at a time; a segment that makes more is read
	// again for the rest.
	maxOpen = 32
	// maxPacked is the size from which another file is begun.
	maxPacked = 8 << 20
)

// output is a file that is being made.
type output struct {
	object Object
	format *accesslog.Format
	file   *os.File
	to     *bufio.Writer
	// lines takes them, and makes the file's form of them.
	lines io.WriteCloser
	line  []byte
	size  int
	final string // the file's name once it is whole
}

// place names what goes into one file.
type place struct {
	route uint32
	index int    // of the delivery
	hour  string // "2006-01-02-15"
}

// pack makes files of a segment, and removes it. Names follow from the segment, so
// that it may be done again after a crash.
func (p *packer) pack(path string) (err error) {
	done := map[place]bool{}
	parts := map[place]int{} // by place without its part
	for again := true; again; {
		open := map[place]*output{}
		if again, err = p.pass(path, open, done, parts); err == nil {
			for at, o := range open {
				err = errors.Join(err, p.finish(o))
				done[at] = true
			}
			for at := range parts { // or was finished before
				done[at] = true
			}
		}
		if err != nil {
			for _, o := range open {
				o.drop()
			}
			return err
		}
	}
	if err := syncDir(p.dir); err != nil {
		return err
	}
	return removeFile(path, p.spooled)
}

// finish finishes a file, and counts it.
func (p *packer) finish(o *output) error {
	if err := o.finish(); err != nil {
		return err
	}
	info, err := os.Stat(o.final)
	if err == nil {
		p.spooled.Add(info.Size())
	}
	return err
}

// removeFile removes a file of the spool, and counts that.
func removeFile(path string, spooled *atomic.Int64) error {
	info, err := os.Stat(path)
	if err == nil {
		err = os.Remove(path)
	}
	if err == nil {
		spooled.Add(-info.Size())
	}
	return err
}

// pass reads the segment once, and reports whether it has to be read again.
func (p *packer) pass(path string, open map[place]*output, done map[place]bool, parts map[place]int) (again bool, err error) {
	left := map[place]bool{} // for the next pass, whole
	err = readSegment(path, func(id string, to *route, r *accesslog.Record) error {
		hour := r.Ended.UTC().Format("2006-01-02-15")
		for i := range to.Deliveries {
			at := place{route: to.Number, index: i, hour: hour}
			if done[at] || left[at] {
				continue
			}
			o := open[at]
			if o == nil {
				if len(open) == maxOpen {
					left[at] = true
					continue
				}
				var err error
				if o, err = p.begin(path, id, to, at, parts[at], r.Ended); err != nil {
					return err
				}
				open[at] = o
			}
			if p.lookUp != nil && o.format.Keeps().LookedUp {
				p.lookUp(r)
			}
			if err := o.add(r); err != nil {
				return err
			}
			if o.size > maxPacked {
				if err := p.finish(o); err != nil {
					return err
				}
				delete(open, at)
				parts[at]++
			}
		}
		return nil
	})
	return len(left) > 0, err
}

// begin begins a file.
func (p *packer) begin(segment, id string, to *route, at place, part int, ended time.Time) (*output, error) {
	d := &to.Deliveries[at.index]
	format, err := d.format()
	if err != nil {
		return nil, err
	}
	unique := uniqueID(id, at, part)
	o := &output{format: format, object: Object{
		Bucket: d.Bucket, Region: d.Region, Source: d.Source,
		Key: expand(d.Folder, to.Distribution, d.account(), ended) + to.Distribution + "." + at.hour + "." + unique + d.ending(),
	}}
	sequence, _, _ := strings.Cut(filepath.Base(segment), ".")
	o.final = filepath.Join(p.dir, sequence+"-"+unique+packedSuffix)
	if o.file, err = os.OpenFile(o.final+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
		return nil, err
	}
	o.to = bufio.NewWriter(o)
	if d.Kind == accesslog.Parquet {
		o.lines = columns.NewWriter(o.to, d.Fields)
		return o, nil
	}
	o.lines, err = gzip.NewWriterLevel(o.to, gzip.BestSpeed)
	if err == nil {
		_, err = io.WriteString(o.lines, format.Header())
	}
	return o, err
}

// uniqueID is the part of a file's name that no other has: eleven letters and digits,
// as CloudFront's.
func uniqueID(segment string, at place, part int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %d %s %d", segment, at.route, at.index, at.hour, part))
	return base32.StdEncoding.EncodeToString(sum[:])[:11]
}

// expand puts values in the place of a folder's variables.
func expand(folder, distribution, account string, t time.Time) string {
	t = t.UTC()
	return strings.NewReplacer(
		"{DistributionId}", distribution, "{distributionid}", distribution, "{accountid}", account, "{account-id}", account,
		"{yyyy}", t.Format("2006"), "{MM}", t.Format("01"), "{dd}", t.Format("02"), "{HH}", t.Format("15"),
	).Replace(folder)
}

// Write is what is made of lines.
func (o *output) Write(b []byte) (int, error) {
	o.size += len(b)
	return o.file.Write(b)
}

func (o *output) add(r *accesslog.Record) error {
	o.line = o.format.Append(o.line[:0], r)
	o.object.Lines++
	_, err := o.lines.Write(o.line)
	return err
}

// finish writes what is said of the file, and gives it its name once the disk has it.
func (o *output) finish() error {
	said, err := json.Marshal(o.object)
	if err != nil {
		return err
	}
	err = errors.Join(o.lines.Close(), o.to.Flush())
	if err == nil {
		_, err = o.file.Write(binary.LittleEndian.AppendUint32(said, uint32(len(said))))
	}
	err = errors.Join(err, o.file.Sync(), o.file.Close())
	if err == nil {
		err = os.Rename(o.final+".tmp", o.final)
	}
	return err
}

func (o *output) drop() {
	_ = o.file.Close() // or again
	_ = os.Remove(o.final + ".tmp")
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// packedFiles lists the files that wait, the oldest first.
func packedFiles(dir string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*"+packedSuffix))
	slices.Sort(paths)
	return paths, err
}

// readPacked reads what is said of a file, and the file if that is wanted.
func readPacked(path string, content bool) (o Object, gz []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return o, nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return o, nil, err
	}
	var length [4]byte
	if _, err := f.ReadAt(length[:], max(info.Size()-4, 0)); err != nil {
		return o, nil, err
	}
	end := info.Size() - 4 - int64(binary.LittleEndian.Uint32(length[:]))
	if end < 0 {
		return o, nil, errors.New("the file is damaged")
	}
	said := make([]byte, info.Size()-4-end)
	if _, err := f.ReadAt(said, end); err != nil {
		return o, nil, err
	}
	if err := json.NewDecoder(bytes.NewReader(said)).Decode(&o); err != nil || !content {
		return o, nil, err
	}
	gz = make([]byte, end)
	_, err = f.ReadAt(gz, 0)
	return o, gz, err
}
