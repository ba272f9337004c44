package edge

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/cloudfront/sign"

	"github.com/warmfront/warmfront/cdn"
)

// TestPrivateContent: only what is signed is answered, from the cache too, and neither key
// nor origin sees the signature (compatibility.md 140).
func TestPrivateContent(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	n := newNetwork(t, site{}, numbered("Cache-Control", "max-age=3600"))
	n.apply(cdn.KindResourcePut, cdn.Resource{Kind: cdn.ResourcePublicKey, ID: "K1", Name: "k", Document: "<PublicKeyConfig><Name>k</Name><EncodedKey>" + text + "</EncodedKey></PublicKeyConfig>"})
	n.apply(cdn.KindResourcePut, cdn.Resource{Kind: cdn.ResourceKeyGroup, ID: "KG", Name: "g", Document: "<KeyGroupConfig><Name>g</Name><Items><PublicKey>K1</PublicKey></Items></KeyGroupConfig>"})
	private := "<TrustedKeyGroups><Enabled>true</Enabled><Quantity>1</Quantity><Items><KeyGroup>KG</KeyGroup></Items></TrustedKeyGroups>"
	all := "<QueryString>true</QueryString>"
	n.applyChange(site{behaviors: []behavior{
		{pattern: "/open/*", policy: optimized},
		{forwarded: all, def: 3600, max: 3600, more: private},
	}}.change("E1"))

	signed, err := sign.NewURLSigner("K1", key).Sign("http://de1.warmfront.test/a?v=1", n.edge.cfg.Now().Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	uri := strings.TrimPrefix(signed, "http://de1.warmfront.test")
	for _, want := range []string{"Miss", "Hit"} {
		if r := n.get(uri); r.Status != 200 || r.xcache() != want {
			t.Errorf("signed: %d %s %s, want %s", r.Status, r.xcache(), r.body, want)
		}
	}
	if q := n.at.last().Query; q != "v=1" {
		t.Errorf("the origin was asked with %q", q)
	}
	for _, refused := range []string{"/a?v=1", "/a", strings.Replace(uri, "v=1", "v=2", 1), strings.Replace(uri, "Key-Pair-Id=K1", "Key-Pair-Id=K2", 1)} {
		x := n.edge.newExchange()
		if r := n.get(refused); r.Status != 403 || x.Ready(n.request("GET", refused)) {
			t.Errorf("%s: %d %s", refused, r.Status, r.body)
		}
	}
	if r := n.get("/open/a"); r.Status != 200 {
		t.Errorf("another behavior: %d %s", r.Status, r.body)
	}
	n.edge.cfg.Sandbox = true // its dates go by the clock that can be moved
	n.move(func(c cdn.Clock) (cdn.Clock, error) { return c.Advanced(2 * time.Minute) })
	if r := n.get(uri); r.Status != 403 || !strings.Contains(r.body, "<Code>AccessDenied</Code>") || r.Header.Get("Content-Type") != "text/xml" {
		t.Errorf("expired: %d %s", r.Status, r.body)
	}
}
