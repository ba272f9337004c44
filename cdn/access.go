package cdn

import (
	"maps"
	"slices"

	"github.com/warmfront/warmfront/cdn/document"
	"github.com/warmfront/warmfront/cdn/functions"
	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/cdn/signer"
)

func streamingUses(doc *document.Element) []ResourceRef {
	return refsTo(ResourceAccessIdentity, origins.IdentityID(doc.String("S3Origin", "OriginAccessIdentity")))
}

// compilePublicKey reads the key of a PublicKeyConfig.
func compilePublicKey(doc *document.Element, r *Resource) (*signer.Key, error) {
	key, ok := signer.Parse(doc.String("EncodedKey"))
	if !ok {
		return nil, Errorf("InvalidArgument", "The encoded key is not the PEM form of a 2048-bit RSA key or of an ECDSA key on the curve P-256.")
	}
	return &signer.Key{ID: r.ID, Name: r.Name, Key: key}, nil
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
func (c *compiler) keyGroup(id string) (*signer.Signer, error) {
	return use(c, ResourceKeyGroup, id, func(doc *document.Element, r *Resource) (*signer.Signer, error) {
		g := &signer.Signer{ID: r.ID}
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

// signers are who a behavior trusts to sign for it; it is private where it says that there
// are any, whoever they are (beliefs 140 and 591).
func (c *compiler) signers(e *document.Element) (private bool, trusted []*signer.Signer, err error) {
	groups, accounts := e.Child("TrustedKeyGroups"), e.Child("TrustedSigners")
	if groups.Bool("Enabled") {
		private = true
		for _, id := range groups.Texts() {
			g, err := c.keyGroup(id)
			if err != nil {
				return true, nil, err
			}
			if g != nil {
				trusted = append(trusted, g)
			}
		}
	}
	if !accounts.Bool("Enabled") {
		return private, trusted, nil
	}
	for _, account := range accounts.Texts() {
		s, err := c.keyPairs(account)
		if err != nil {
			return true, nil, err
		}
		trusted = append(trusted, s)
	}
	return true, trusted, nil
}

// everyKey stands for all public keys of the account: a plan that uses it is made anew when
// one comes or goes, and none of them is in use by it.
func everyKey() ResourceRef { return ResourceRef{Kind: ResourcePublicKey} }

// keyPairs is what an account that is a trusted signer has of CloudFront key pairs: of others
// than the distribution's own none are known.
func (c *compiler) keyPairs(account string) (*signer.Signer, error) {
	s := &signer.Signer{ID: account}
	if !signer.IsOwn(account, c.arn) {
		return s, nil
	}
	c.uses = append(c.uses, everyKey())
	for _, id := range slices.Sorted(maps.Keys(c.resources[ResourcePublicKey])) {
		r := c.resources[ResourcePublicKey][id]
		if !signer.IsKeyPair(r.Name) {
			continue
		}
		doc, err := parse(r.Document)
		if err != nil {
			return nil, err
		}
		key, err := compilePublicKey(doc, r)
		if err != nil {
			return nil, err
		}
		key.ID = r.Name
		s.Keys = append(s.Keys, key)
	}
	return s, nil
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
