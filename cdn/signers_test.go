package cdn

import (
	"strings"
	"testing"
)

// TestTrustedSigners: a behavior that names accounts is private, whoever they are. This
// account signs with the public keys that are named as key pairs, from when they are made
// until they are deleted (belief 591).
func TestTrustedSigners(t *testing.T) {
	private := func(signers string) string {
		return strings.Replace(siteConfig, "658327ea-f89d-4fab-a63d-7e88639e58f6</CachePolicyId>", "658327ea-f89d-4fab-a63d-7e88639e58f6</CachePolicyId>"+
			"<TrustedSigners><Enabled>true</Enabled><Quantity>1</Quantity><Items><AwsAccountNumber>"+signers+"</AwsAccountNumber></Items></TrustedSigners>", 1)
	}
	key := func(id, name string) *Resource {
		return &Resource{Kind: ResourcePublicKey, ID: id, Name: name, CallerReference: id, Document: "<PublicKeyConfig><EncodedKey>" + ecKey + "</EncodedKey></PublicKeyConfig>"}
	}
	for _, c := range []struct {
		signer string
		own    bool
	}{{"self", true}, {"123456789012", true}, {"210987654321", false}} {
		s := change(t, NewState(1), KindResourcePut, key("K1", "of a key group"))
		s = change(t, s, KindResourcePut, accessControl("always"))
		s = change(t, s, KindDistributionPut, Distribution{ID: "E1", ARN: arn + "distribution/E1", CallerReference: "one", Domain: "d1.warmfront.test", Config: private(c.signer)})
		signs := func() string {
			b := s.Plans["E1"].Match("/x")
			if !b.Private || len(b.Signers) != 1 || b.Signers[0].ID != c.signer {
				t.Fatalf("%s: private %v, by %+v", c.signer, b.Private, b.Signers)
			}
			var ids []string
			for _, k := range b.Signers[0].Keys {
				ids = append(ids, k.ID)
			}
			return strings.Join(ids, " ")
		}
		if got := signs(); got != "" {
			t.Errorf("%s signs with %q before it has a key pair", c.signer, got)
		}
		before := s.Plans["E1"].Version
		s = change(t, s, KindResourcePut, key("K2", "APKAEIBAERJR2EXAMPLE"))
		want := ""
		if c.own {
			want = "APKAEIBAERJR2EXAMPLE"
		}
		if got := signs(); got != want || (s.Plans["E1"].Version != before) != c.own {
			t.Errorf("%s signs with %q, want %q, as of %v", c.signer, got, want, s.Plans["E1"].Version)
		}
		s = change(t, s, KindResourceDelete, ResourceRef{ResourcePublicKey, "K2"})
		if got := signs(); got != "" || c.own && s.Plans["E1"].Version != s.Version {
			t.Errorf("%s signs with %q, which is deleted, as of %v", c.signer, got, s.Plans["E1"].Version)
		}
	}
}
