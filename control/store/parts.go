package store

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// etcd takes requests of 1.5 MiB. A document up to plainSize is kept as it is, so
// that etcdctl shows it; a larger one is compressed and cut into parts of
// partSize.
const (
	plainSize = 128 << 10
	partSize  = 512 << 10
	// maxDocument is what a document may have once it is not compressed any more.
	maxDocument = 1 << 30
)

// part is one value of a document.
type part struct {
	key   string
	value []byte
}

// partHeader begins the first part of a compressed document; JSON begins with
// none of it. How many parts there are follows.
const partHeader = 'z'

// split makes the parts of a document, whose keys order as they do.
func split(key string, doc []byte) []part {
	if len(doc) <= plainSize {
		return []part{{key + "0000", doc}}
	}
	var packed bytes.Buffer
	packed.Write([]byte{partHeader, 0, 0, 0, 0})
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(doc) // to memory
	_ = w.Close()
	rest := packed.Bytes()
	n := (len(rest) + partSize - 1) / partSize
	binary.BigEndian.PutUint32(rest[1:], uint32(n))
	parts := make([]part, 0, n)
	for i := range n {
		size := min(partSize, len(rest))
		parts = append(parts, part{fmt.Sprintf("%s%04x", key, i), rest[:size]})
		rest = rest[size:]
	}
	return parts
}

// joiner makes documents of parts that come in order. Parts that the first one
// does not count are left from an earlier, longer one under the same key.
type joiner struct {
	name         string
	packed       []byte
	parts, count int
}

func (j *joiner) complete() bool { return j.parts == j.count }

func (j *joiner) add(key string, value []byte) (_ entry, done bool, err error) {
	cut := strings.LastIndexByte(key, '/')
	name, number := key[:cut], key[cut+1:]
	if number == "0000" {
		if !j.complete() {
			return entry{}, false, fmt.Errorf("%s in etcd lacks parts", j.name)
		}
		*j = joiner{name: name, parts: 1, count: 1}
		if len(value) < 5 || value[0] != partHeader {
			return entry{name, value, 1}, true, nil
		}
		j.count = int(binary.BigEndian.Uint32(value[1:]))
		j.packed = bytes.Clone(value[5:])
	} else {
		if j.complete() && name == j.name {
			return entry{}, false, nil
		}
		if name != j.name || number != fmt.Sprintf("%04x", j.parts) {
			return entry{}, false, fmt.Errorf("%s in etcd lacks parts before %s", name, number)
		}
		j.parts++
		j.packed = append(j.packed, value...)
	}
	if !j.complete() {
		return entry{}, false, nil
	}
	doc, err := unpack(j.packed)
	if err != nil {
		return entry{}, false, fmt.Errorf("%s in etcd: %w", name, err)
	}
	return entry{name, doc, j.count}, true, nil
}

func unpack(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	doc, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err == nil && len(doc) > maxDocument {
		err = fmt.Errorf("it is larger than %d bytes", maxDocument)
	}
	return doc, err
}
