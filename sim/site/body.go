package site

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// Body returns a version of an object: blocks that begin with who they are, filled up with a letter that says the
// version too.
func (o Object) Body(version int) []byte {
	b := make([]byte, 0, o.Size)
	for n := 0; len(b) < o.Size; n++ {
		end := min(o.Size, len(b)+BlockSize)
		b = fmt.Appendf(b, "<%s v%d b%d>", o.Path, version, n)
		b = append(b, bytes.Repeat([]byte{'a' + byte(version%26)}, max(0, end-len(b)))...)
		b = b[:end] // the last block may have no room for all of its head
	}
	return b
}

// Check compares part of a body, from offset on, with what it must be in the given version, and says what is wrong
// with it; "" is right. A part that ends early is right as far as it goes.
func (o Object) Check(part []byte, offset, version int) string {
	whole := o.Body(version)
	if offset > len(whole) || offset+len(part) > len(whole) {
		return fmt.Sprintf("%d bytes at %d are more than the object has (%d)", len(part), offset, len(whole))
	}
	if bytes.Equal(part, whole[offset:offset+len(part)]) {
		return ""
	}
	at := 0
	for part[at] == whole[offset+at] {
		at++
	}
	return fmt.Sprintf("byte %d is not of version %d; its blocks say %v", offset+at, version, versionsIn(part))
}

func blockHead() *regexp.Regexp { return regexp.MustCompile(`<(/[a-z]+/\d+) v(\d+) b\d+>`) }

// versionsIn returns the versions that the blocks of a body say they are of.
func versionsIn(part []byte) []int {
	var found []int
	for _, m := range blockHead().FindAllSubmatch(part, -1) {
		v, err := strconv.Atoi(string(m[2]))
		if err == nil && !slices.Contains(found, v) {
			found = append(found, v)
		}
	}
	return found
}
