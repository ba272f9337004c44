package vault

import (
	"bytes"
	"maps"
	"strings"
	"testing"
)

type memory map[string][]byte

func (m memory) Secret(name string) ([]byte, error) { return m[name], nil }

func (m memory) PutSecret(name string, value []byte) error {
	m[name] = value
	if value == nil {
		delete(m, name)
	}
	return nil
}

func TestVault(t *testing.T) {
	m := memory{}
	open := func(secret string) *Vault {
		v, err := New(m, []byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	v := open("the cluster secret")
	if err := v.Put("certificate", "a", "PRIVATE KEY"); err != nil {
		t.Fatal(err)
	}
	for stored := range maps.Values(m) {
		if bytes.Contains(stored, []byte("PRIVATE")) {
			t.Fatal("it is kept as it is")
		}
	}
	if got, err := open("the cluster secret").Get("certificate", "a"); got != "PRIVATE KEY" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := v.Get("certificate", "b"); got != "" || err != nil {
		t.Errorf("one that was never kept: %q, %v", got, err)
	}
	if _, err := open("another secret").Get("certificate", "a"); err == nil || !strings.Contains(err.Error(), "--cluster-secret-file") {
		t.Errorf("under another secret: %v", err)
	}
	// The value of one name is none under another.
	m["vault/certificate/b"] = m["vault/certificate/a"]
	if got, err := v.Get("certificate", "b"); err == nil {
		t.Errorf("moved: %q", got)
	}
	if err := v.Delete("certificate", "a"); err != nil {
		t.Fatal(err)
	}
	if got, err := v.Get("certificate", "a"); got != "" || err != nil {
		t.Errorf("deleted: %q, %v", got, err)
	}
}
