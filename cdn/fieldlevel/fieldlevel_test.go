package fieldlevel

import (
	"crypto/rsa"
	"errors"
	"testing"

	"github.com/warmfront/warmfront/cdn/document"
)

func parse(t *testing.T, text string) *document.Element {
	t.Helper()
	doc, err := document.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestCompile(t *testing.T) {
	doc := parse(t, `<FieldLevelEncryptionConfig><CallerReference>r</CallerReference>
		<QueryArgProfileConfig><ForwardWhenQueryArgProfileIsUnknown>true</ForwardWhenQueryArgProfileIsUnknown><QueryArgProfiles><Quantity>2</Quantity><Items>
			<QueryArgProfile><QueryArg>full</QueryArg><ProfileId>P1</ProfileId></QueryArgProfile><QueryArgProfile><QueryArg>gone</QueryArg><ProfileId>P2</ProfileId></QueryArgProfile></Items></QueryArgProfiles></QueryArgProfileConfig>
		<ContentTypeProfileConfig><ForwardWhenContentTypeIsUnknown>false</ForwardWhenContentTypeIsUnknown><ContentTypeProfiles><Quantity>1</Quantity><Items>
			<ContentTypeProfile><Format>URLEncoded</Format><ContentType>application/x-www-form-urlencoded</ContentType></ContentTypeProfile></Items></ContentTypeProfiles></ContentTypeProfileConfig></FieldLevelEncryptionConfig>`)
	p1 := &Profile{ID: "P1"}
	c, err := Compile(doc, "C", func(id string) (*Profile, error) { return map[string]*Profile{"P1": p1}[id], nil })
	if err != nil || c.ID != "C" || c.ForwardUnknownType || !c.ForwardUnknownArg {
		t.Fatalf("%+v, %v", c, err)
	}
	if m, known := Find(c.Types, "application/x-www-form-urlencoded"); !known || m.Profile != nil {
		t.Errorf("the type: %+v, %v", m, known)
	}
	if m, known := Find(c.Args, "full"); !known || m.Profile != p1 {
		t.Errorf("full: %+v, %v", m, known)
	}
	// Of a profile that is missing every field is one that cannot be encrypted.
	if m, _ := Find(c.Args, "gone"); m.Profile.For("any") == nil || m.Profile.For("any").Key != nil {
		t.Errorf("gone: %+v", m.Profile)
	}
	if _, known := Find(c.Args, "other"); known {
		t.Error("other is known")
	}
	failed := errors.New("failed")
	if _, err := Compile(doc, "C", func(string) (*Profile, error) { return nil, failed }); !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
}

func TestProfile(t *testing.T) {
	doc := parse(t, `<FieldLevelEncryptionProfileConfig><EncryptionEntities><Quantity>1</Quantity><Items><EncryptionEntity><PublicKeyId>K1</PublicKeyId><ProviderId>p</ProviderId>
		<FieldPatterns><Quantity>2</Quantity><Items><FieldPattern>card</FieldPattern><FieldPattern>secret*</FieldPattern></Items></FieldPatterns></EncryptionEntity></Items></EncryptionEntities></FieldLevelEncryptionProfileConfig>`)
	key := &rsa.PublicKey{}
	p, err := CompileProfile(doc, "P", func(id string) (*rsa.PublicKey, string, error) { return key, "name of " + id, nil })
	if err != nil || len(p.Entities) != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	if e := p.Entities[0]; e.Provider != "p" || e.KeyName != "name of K1" || e.Key != key {
		t.Errorf("%+v", e)
	}
	for field, want := range map[string]bool{"card": true, "Card": false, "cards": false, "secret": true, "secrets": true, "a secret": false, "": false} {
		if got := p.For(field) != nil; got != want {
			t.Errorf("%q: %v", field, got)
		}
	}
}
