package cdn

import (
	"crypto/rsa"

	"github.com/warmfront/warmfront/cdn/document"
	"github.com/warmfront/warmfront/cdn/fieldlevel"
)

// encryption is what a behavior's configuration for field-level encryption stands for,
// with its profiles and their keys.
func (c *compiler) encryption(id string) (*fieldlevel.Config, error) {
	return use(c, ResourceFieldLevelEncryption, id, func(doc *document.Element, r *Resource) (*fieldlevel.Config, error) {
		return fieldlevel.Compile(doc, r.ID, c.encryptionProfile)
	})
}

func (c *compiler) encryptionProfile(id string) (*fieldlevel.Profile, error) {
	return use(c, ResourceFieldLevelProfile, id, func(doc *document.Element, r *Resource) (*fieldlevel.Profile, error) {
		return fieldlevel.CompileProfile(doc, r.ID, c.encryptionKey)
	})
}

// encryptionKey returns an RSA key and its name; nil where it is missing, or one that
// only signs.
func (c *compiler) encryptionKey(id string) (*rsa.PublicKey, string, error) {
	key, err := use(c, ResourcePublicKey, id, compilePublicKey)
	if key == nil || err != nil {
		return nil, "", err
	}
	k, _ := key.Key.(*rsa.PublicKey)
	return k, key.Name, nil
}

// Encrypts reports whether a public key is one that fields can be encrypted with.
func Encrypts(key *Resource) bool {
	doc, err := parse(key.Document)
	if err != nil {
		return false
	}
	k, err := compilePublicKey(doc, key)
	if err != nil {
		return false
	}
	_, is := k.Key.(*rsa.PublicKey)
	return is
}
