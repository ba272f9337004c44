package fieldencryption

import (
	"bytes"
	"testing"
)

// TestOpen: what is sealed is opened with its key, says whom it was for, and is refused when
// anything of it was changed or is missing.
func TestOpen(t *testing.T) {
	e, key := entity(t)
	_, other := entity(t)
	for _, value := range values() {
		m, err := seal(value, e)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Open(m, key)
		if err != nil || !bytes.Equal(got.Value, value) || got.Provider != "payments" || got.Key != "key-1" {
			t.Fatalf("%d bytes: %+v, %v", len(value), got, err)
		}
		if _, err := Open(m, other); err == nil {
			t.Error("another key opens it")
		}
		for i := 0; i < len(m); i += 1 + len(m)/97 {
			changed := bytes.Clone(m)
			changed[i] ^= 1
			if _, err := Open(changed, key); err == nil {
				t.Errorf("byte %d of %d may be changed", i, len(m))
			}
			if _, err := Open(m[:i], key); err == nil {
				t.Errorf("%d bytes of %d are enough", i, len(m))
			}
		}
		if _, err := Open(append(bytes.Clone(m), 0), key); err == nil {
			t.Error("a byte more is passed over")
		}
	}
}

func FuzzOpen(f *testing.F) {
	e, key := entity(f)
	m, err := seal([]byte("4111"), e)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m)
	f.Add([]byte{1, 0x80, 3, 0x78})
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := Open(b, key); err == nil && !bytes.Equal(b, m) {
			t.Errorf("%q is opened: %q", b, got.Value)
		}
	})
}
