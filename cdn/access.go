package cdn

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"

	"github.com/warmfront/warmfront/cdn/document"
	"github.com/warmfront/warmfront/cdn/functions"
	"github.com/warmfront/warmfront/cdn/origins"
)

func streamingUses(doc *document.Element) []ResourceRef {
	return refsTo(ResourceAccessIdentity, origins.IdentityID(doc.String("S3Origin", "OriginAccessIdentity")))
}

// KeyGroup holds the public keys that viewers' signatures are verified with.
type KeyGroup struct {
	ID   string
	Keys []*PublicKey
}

// PublicKey is one key of a KeyGroup.
type PublicKey struct {
	ID   string // as in Key-Pair-Id
	Name string // as programs that decrypt fields know it
	Key  crypto.PublicKey
}

// compilePublicKey reads the PEM in a PublicKeyConfig: 2048-bit RSA, or ECDSA on
// P-256 (developer guide, "Create key pairs for your signers").
func compilePublicKey(doc *document.Element, r *Resource) (*PublicKey, error) {
	invalid := Errorf("InvalidArgument", "The encoded key is not the PEM form of a 2048-bit RSA key or of an ECDSA key on the curve P-256.")
	block, _ := pem.Decode([]byte(doc.String("EncodedKey")))
	if block == nil {
		return nil, invalid
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, invalid
	}
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() == 2048 {
			return &PublicKey{r.ID, r.Name, k}, nil
		}
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() {
			return &PublicKey{r.ID, r.Name, k}, nil
		}
	}
	return nil, invalid
}

func keyGroupUses(doc *document.Element) []ResourceRef {
	var ids []string
	if items := doc.Child("Items"); items != nil {
		for _, e := range items.Children {
			ids = append(ids, e.Text)
		}
	}
	return refsTo(ResourcePublicKey, ids...)
}

// keyGroup is what a behavior's key group stands for.
func (c *compiler) keyGroup(id string) (*KeyGroup, error) {
	return use(c, ResourceKeyGroup, id, func(doc *document.Element, r *Resource) (*KeyGroup, error) {
		g := &KeyGroup{ID: r.ID}
		for _, ref := range keyGroupUses(doc) {
			key, err := use(c, ref.Kind, ref.ID, compilePublicKey)
			if err != nil {
				return nil, err
			}
			if key != nil {
				g.Keys = append(g.Keys, key)
			}
		}
		return g, nil
	})
}

func functionUses(doc *document.Element) []ResourceRef {
	return refsTo(ResourceKeyValueStore, functions.Stores(doc)...)
}

// compileFunction makes a Function of what was published.
func compileFunction(_ *document.Element, r *Resource) (*functions.Function, error) {
	if r.Live == nil {
		return nil, Errorf("InvalidFunctionAssociation", "The function %s is not published: only its stage LIVE can be associated.", r.ID)
	}
	return compileStage(r.ID, r.Live.ETag, r.Live.Document)
}

func compileStage(name, etag, text string) (*functions.Function, error) {
	f, err := functions.Parse(name, etag, text)
	if err != nil {
		return nil, Errorf("MalformedXML", "%v.", err)
	}
	return f, nil
}

// StagedFunction is a function as it is in a stage: as it is published where live is set,
// else as it is in DEVELOPMENT.
func (r *Resource) StagedFunction(live bool) (*functions.Function, error) {
	if live {
		return compileFunction(nil, r)
	}
	return compileStage(r.ID, r.ETag, r.Document)
}

func checkFunction(r *Resource) error {
	_, err := compileStage(r.ID, r.ETag, r.Document)
	if err == nil && r.Live != nil {
		_, err = compileStage(r.ID, r.Live.ETag, r.Live.Document)
	}
	return err
}
