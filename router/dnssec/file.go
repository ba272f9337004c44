package dnssec

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A file of keys is PEM: one PKCS #8 private key for each, with the zone and the time it
// was made as headers.
const (
	pemType       = "PRIVATE KEY"
	headerZone    = "Zone"
	headerCreated = "Created"
	maxFile       = 1 << 20
)

// Encode returns what a file of the keys holds.
func (ks Keys) Encode() ([]byte, error) {
	var out bytes.Buffer
	for _, k := range ks {
		der, err := x509.MarshalPKCS8PrivateKey(k.private)
		if err != nil {
			return nil, err
		}
		err = pem.Encode(&out, &pem.Block{Type: pemType, Bytes: der, Headers: map[string]string{
			headerZone: k.Zone, headerCreated: k.Created.Format(time.RFC3339),
		}})
		if err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// Parse reads what Encode wrote.
func Parse(text []byte) (Keys, error) {
	var out Keys
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		k, err := parseBlock(block)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", len(out)+1, err)
		}
		out = append(out, k)
	}
	if len(bytes.TrimSpace(text)) > 0 || len(out) == 0 {
		return nil, errors.New("it is not a file of keys, as `warmfront router keys create` writes it")
	}
	return out, out.check()
}

func parseBlock(block *pem.Block) (*Key, error) {
	if block.Type != pemType {
		return nil, fmt.Errorf("it is a %q, not a %q", block.Type, pemType)
	}
	created, err := time.Parse(time.RFC3339, block.Headers[headerCreated])
	if err != nil {
		return nil, fmt.Errorf("the header %s is not a time", headerCreated)
	}
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	own, ok := private.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("it is not an ECDSA key")
	}
	return newKey(block.Headers[headerZone], created, own)
}

// ReadFile reads a file of keys. Errors name the file.
func ReadFile(path string) (Keys, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is not there: make it with `warmfront router keys create`: %w", path, err)
	}
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a folder, not a file of keys", path)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s is too large for a file of keys", path)
	}
	// Groups may read it, for that is how container engines mount secrets.
	if info.Mode().Perm()&0o007 != 0 {
		return nil, fmt.Errorf("%s may be read by anybody (mode %04o): chmod 600 it", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	keys, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

// CreateFile writes a new file of keys that its owner alone may read. It is an error
// (fs.ErrExist) if the file is there: a key that is lost takes the zone with it.
func CreateFile(path string, keys Keys) error {
	text, err := keys.Encode()
	if err != nil {
		return err
	}
	return writeNew(path, text)
}

// ReplaceFile puts other keys in place of those of a file, whole or not at all.
func ReplaceFile(path string, keys Keys) error {
	text, err := keys.Encode()
	if err != nil {
		return err
	}
	next := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeNew(next, text); err != nil {
		return err
	}
	return os.Rename(next, path)
}

func writeNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
