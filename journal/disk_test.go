package journal

import (
	"strings"
	"testing"
)

func TestDisk(t *testing.T) {
	known := Disk{"f", 5}
	for _, c := range []struct {
		name           string
		disk, known    Disk
		older, follows bool
	}{
		{"as it was left", Disk{"f", 5}, known, false, false},
		{"control was told less: it crashed, or was put back", Disk{"f", 6}, known, false, true},
		{"an older copy", Disk{"f", 4}, known, true, false},
		{"another folder", Disk{"g", 9}, known, true, true},
		{"a new one", Disk{"f", 0}, Disk{}, true, true},
		{"none", Disk{}, Disk{}, false, false},
		{"none any more", Disk{}, known, true, false},
		{"a name too long", Disk{strings.Repeat("x", maxFolder+1), 1}, known, true, false},
	} {
		if c.disk.Older(c.known) != c.older || c.disk.Follows(c.known) != c.follows {
			t.Errorf("%s: older %v, follows %v", c.name, !c.older, !c.follows)
		}
	}
}
