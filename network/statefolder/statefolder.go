// Package statefolder is the folder in which a process keeps its state: the secrets that are made on first use, and files
// that are written whole or not at all.
package statefolder

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Folder is where a process keeps its state: "./.warmfront" for `warmfront up`,
// --data for a role.
type Folder string

// AccessKey is a key for the API and the object store, in AWS's form.
type AccessKey struct{ ID, Secret string }

// Join returns a path in the folder.
func (f Folder) Join(elem ...string) string {
	return filepath.Join(append([]string{string(f)}, elem...)...)
}

// Make creates the folder, readable by its owner alone.
func (f Folder) Make() error {
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	return nil
}

// AccessKeyFile is the name of the access key's file, in the form of AWS's shared
// credentials file.
const AccessKeyFile = "access-key"

// AccessKey returns the folder's access key, made on first use (mode 0600).
func (f Folder) AccessKey() (AccessKey, error) {
	path := f.Join(AccessKeyFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		k := AccessKey{ID: "AKIA" + RandomBase32(16), Secret: RandomBase32(40)}
		text := "[default]\naws_access_key_id = " + k.ID + "\naws_secret_access_key = " + k.Secret + "\n"
		return k, WriteWhole(path, []byte(text))
	}
	return ReadAccessKey(path)
}

// ReadAccessKey reads a file in the form of AWS's shared credentials file: the
// first key in it.
func ReadAccessKey(path string) (AccessKey, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return AccessKey{}, fmt.Errorf("access key: %w", err)
	}
	var k AccessKey
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, "=")
		switch value = strings.TrimSpace(value); strings.TrimSpace(name) {
		case "aws_access_key_id":
			k.ID = value
		case "aws_secret_access_key":
			k.Secret = value
		}
		if k.ID != "" && k.Secret != "" {
			return k, nil
		}
	}
	return k, fmt.Errorf("access key: %s has no aws_access_key_id and aws_secret_access_key", path)
}

// ClusterSecret returns the secret that admits a node, made on first use (mode
// 0600).
func (f Folder) ClusterSecret() ([]byte, error) {
	path := f.Join("cluster-secret")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		b := make([]byte, 32)
		_, _ = rand.Read(b) // never fails (crypto/rand)
		if err := WriteWhole(path, []byte(hex.EncodeToString(b)+"\n")); err != nil {
			return nil, err
		}
	}
	return ReadSecret(path)
}

// ReadSecret reads a cluster secret: at least 32 characters, surrounding white
// space aside.
func ReadSecret(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cluster secret: %w", err)
	}
	s := strings.TrimSpace(string(b))
	if len(s) < 32 {
		return nil, fmt.Errorf("cluster secret: %s holds %d characters, at least 32 are needed (try: openssl rand -hex 32)", path, len(s))
	}
	return []byte(s), nil
}

// WriteJSON writes a file of the folder whole (mode 0600).
func (f Folder) WriteJSON(name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return WriteWhole(f.Join(name), append(b, '\n'))
}

// ReadJSON reads what WriteJSON wrote.
func (f Folder) ReadJSON(name string, v any) error {
	b, err := os.ReadFile(f.Join(name))
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

// WriteWhole writes a file (mode 0600): it writes beside it and renames, so that a reader sees the old
// or the new content.
func WriteWhole(path string, b []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(b)
	err = errors.Join(err, tmp.Chmod(0o600), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
	}
	return err
}

// RandomBase32 returns n random characters of base32 (RFC 4648 section 6).
func RandomBase32(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b)[:n]
}

// WritePublic writes a file that others may read.
func WritePublic(path string, b []byte) error {
	if err := WriteWhole(path, b); err != nil {
		return err
	}
	return os.Chmod(path, 0o644)
}
