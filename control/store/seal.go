package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// seal encrypts secrets for a store that others can read: AES-256-GCM under a key
// made of the cluster secret, the name as additional data, so that none can be
// put in another's place.
type seal struct{ aead cipher.AEAD }

func newSeal(secret []byte) (*seal, error) {
	if len(secret) == 0 {
		return nil, errors.New("a shared store needs the cluster secret, to encrypt what is secret (--cluster-secret-file)")
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "warmfront store secrets v1", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return &seal{aead}, err
}

func (s *seal) close(name string, value []byte) []byte {
	return s.aead.Seal(nil, nil, value, []byte(name))
}

func (s *seal) open(name string, sealed []byte) ([]byte, error) {
	value, err := s.aead.Open(nil, nil, sealed, []byte(name))
	if err != nil {
		return nil, fmt.Errorf("the secret %q in the store was kept under another cluster secret: give every control the same (--cluster-secret-file)", name)
	}
	if value == nil {
		value = []byte{}
	}
	return value, nil
}

// newID names what is written in parts before it counts.
func newID() string { return rand.Text() }
