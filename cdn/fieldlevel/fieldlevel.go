// Package fieldlevel is what a configuration for field-level encryption says, as a
// behavior's plan has it: which fields of which requests are encrypted, with whose key
// (developer guide, "Use field-level encryption to help protect sensitive data"). Package
// edge/fieldencryption acts on it.
package fieldlevel

import (
	"crypto/rsa"
	"strings"

	"github.com/warmfront/warmfront/cdn/document"
)

// Config is a configuration for field-level encryption.
type Config struct {
	ID string
	// Types are the content types that are known, each with its profile.
	Types []Mapping
	// ForwardUnknownType has requests of other types forwarded as they are, rather than
	// refused.
	ForwardUnknownType bool
	// Args are the values of the query argument fle-profile that are known: their profile
	// goes before that of the content type.
	Args []Mapping
	// ForwardUnknownArg has requests with another value forwarded as they are.
	ForwardUnknownArg bool
}

// Mapping is a content type or a query argument, and what it stands for.
type Mapping struct {
	Value   string
	Profile *Profile // nil: nothing is encrypted
}

// Find returns the mapping of a value, and whether there is one.
func Find(all []Mapping, value string) (Mapping, bool) {
	for _, m := range all {
		if m.Value == value {
			return m, true
		}
	}
	return Mapping{}, false
}

// Profile is which fields are encrypted, and how.
type Profile struct {
	ID       string
	Entities []Entity
}

// Entity is a key and what is encrypted with it.
type Entity struct {
	// Provider and KeyName are what a decrypting program must know the key by: the
	// profile's provider and the name of the public key.
	Provider, KeyName string
	// Key is nil where it is missing: then the fields cannot be encrypted, and are not
	// to be forwarded either.
	Key *rsa.PublicKey
	// Patterns are names of fields; the last character may be "*", which stands for any
	// others. Case counts.
	Patterns []string
}

// For returns the entity that a field is encrypted with; nil where it is not.
func (p *Profile) For(field string) *Entity {
	for i := range p.Entities {
		for _, pattern := range p.Entities[i].Patterns {
			before, wild := strings.CutSuffix(pattern, "*")
			if field == pattern || wild && strings.HasPrefix(field, before) {
				return &p.Entities[i]
			}
		}
	}
	return nil
}

// Compile reads a FieldLevelEncryptionConfig. profile returns a profile by its id; nil
// where there is none.
func Compile(doc *document.Element, id string, profile func(string) (*Profile, error)) (*Config, error) {
	types, args := doc.Child("ContentTypeProfileConfig"), doc.Child("QueryArgProfileConfig")
	c := &Config{
		ID: id, ForwardUnknownType: types.Bool("ForwardWhenContentTypeIsUnknown"), ForwardUnknownArg: args.Bool("ForwardWhenQueryArgProfileIsUnknown"),
	}
	for _, list := range []struct {
		to    *[]Mapping
		items []*document.Element
		value string
	}{{&c.Types, types.Items("ContentTypeProfiles"), "ContentType"}, {&c.Args, args.Items("QueryArgProfiles"), "QueryArg"}} {
		for _, e := range list.items {
			e.String("Format") // there is one
			m := Mapping{Value: e.String(list.value)}
			var err error
			if id := e.String("ProfileId"); id != "" {
				if m.Profile, err = profile(id); err != nil {
					return nil, err
				}
				if m.Profile == nil { // it might have named any field
					m.Profile = &Profile{ID: id, Entities: []Entity{{Patterns: []string{"*"}}}}
				}
			}
			*list.to = append(*list.to, m)
		}
	}
	return c, nil
}

// CompileProfile reads a FieldLevelEncryptionProfileConfig. key returns a public key and
// its name by its id; nil where it is none that encrypts.
func CompileProfile(doc *document.Element, id string, key func(string) (*rsa.PublicKey, string, error)) (*Profile, error) {
	p := &Profile{ID: id}
	for _, e := range doc.Items("EncryptionEntities") {
		k, name, err := key(e.String("PublicKeyId"))
		if err != nil {
			return nil, err
		}
		p.Entities = append(p.Entities, Entity{Provider: e.String("ProviderId"), KeyName: name, Key: k, Patterns: e.Texts("FieldPatterns")})
	}
	return p, nil
}
