package gossip

import (
	"crypto/hkdf"
	"crypto/sha256"
)

const (
	keyBytes = 32 // AES-256-GCM
	keyLabel = "warmfront gossip v1"
)

// DeriveKey returns the key that gossip is encrypted and authenticated under,
// made from the cluster's secret by HKDF-SHA256 (RFC 5869), so that who learns
// it has not learnt the secret that admits nodes. An empty secret has no key:
// the result is nil, which New refuses.
func DeriveKey(secret []byte) []byte {
	if len(secret) == 0 {
		return nil
	}
	key, err := hkdf.Key(sha256.New, secret, nil, keyLabel, keyBytes)
	if err != nil {
		return nil
	}
	return key
}
