// Package vault keeps what is secret of an account's resources, private keys and
// the secrets of access keys, encrypted: AES-256-GCM under a key made of the
// cluster secret, the resource's name as additional data, so that none can be put
// in another's place. Whoever has control's disk or a backup of it, and not the
// cluster secret, has none of them.
package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
)

// Secrets are where the encrypted values are; *control.Control has them.
type Secrets interface {
	Secret(name string) ([]byte, error)
	PutSecret(name string, value []byte) error
}

// Vault is safe for concurrent use.
type Vault struct {
	secrets Secrets
	aead    cipher.AEAD
}

// New opens the vault over secrets under a key made of the cluster secret.
func New(secrets Secrets, clusterSecret []byte) (*Vault, error) {
	key, err := hkdf.Key(sha256.New, clusterSecret, nil, "warmfront vault v1", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return &Vault{secrets, aead}, err
}

func name(kind, id string) string { return "vault/" + kind + "/" + id }

// Put keeps the secret of a resource, durably, in place of an older one.
func (v *Vault) Put(kind, id, secret string) error {
	n := name(kind, id)
	return v.secrets.PutSecret(n, v.aead.Seal(nil, nil, []byte(secret), []byte(n)))
}

// Get returns the secret of a resource, "" where there is none.
func (v *Vault) Get(kind, id string) (string, error) {
	n := name(kind, id)
	sealed, err := v.secrets.Secret(n)
	if err != nil || sealed == nil {
		return "", err
	}
	secret, err := v.aead.Open(nil, nil, sealed, []byte(n))
	if err != nil {
		return "", fmt.Errorf("the secret of %s %s was kept under another cluster secret: start control with that one (--cluster-secret-file)", kind, id)
	}
	return string(secret), nil
}

// Delete forgets the secret of a resource; one that is not there is no error.
func (v *Vault) Delete(kind, id string) error { return v.secrets.PutSecret(name(kind, id), nil) }
