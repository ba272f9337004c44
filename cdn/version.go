package cdn

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Version is a position in the journal. Numbers are contiguous within an epoch,
// from 1; a control that was restored from a backup starts a new epoch, so that
// two different changes never share a version. The zero Version is before
// everything.
type Version struct {
	Epoch  uint64
	Number uint64
}

// Compare orders versions: by epoch, then by number.
func (v Version) Compare(w Version) int {
	if c := cmp.Compare(v.Epoch, w.Epoch); c != 0 {
		return c
	}
	return cmp.Compare(v.Number, w.Number)
}

// Before reports whether v comes before w.
func (v Version) Before(w Version) bool { return v.Compare(w) < 0 }

// IsZero reports whether v is before everything.
func (v Version) IsZero() bool { return v == Version{} }

// Next is the version that follows v in the same epoch.
func (v Version) Next() Version { return Version{v.Epoch, v.Number + 1} }

// Min returns the earlier of v and w.
func (v Version) Min(w Version) Version {
	if w.Before(v) {
		return w
	}
	return v
}

// Max returns the later of v and w.
func (v Version) Max(w Version) Version {
	if v.Before(w) {
		return w
	}
	return v
}

// String is "epoch.number", the form used on the wire and in headers.
func (v Version) String() string {
	return strconv.FormatUint(v.Epoch, 10) + "." + strconv.FormatUint(v.Number, 10)
}

// ParseVersion reads the form that String writes.
func ParseVersion(s string) (Version, error) {
	e, n, ok := strings.Cut(s, ".")
	epoch, err1 := strconv.ParseUint(e, 10, 64)
	number, err2 := strconv.ParseUint(n, 10, 64)
	if !ok || err1 != nil || err2 != nil {
		return Version{}, fmt.Errorf("version %q is not of the form epoch.number", s)
	}
	return Version{epoch, number}, nil
}

// MarshalText implements encoding.TextMarshaler.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Version) UnmarshalText(b []byte) (err error) {
	*v, err = ParseVersion(string(b))
	return err
}
