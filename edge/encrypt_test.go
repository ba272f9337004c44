package edge

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/message"
)

// TestFieldsAreEncrypted before the origin sees them, and what came of it is in the access
// log; forms that are refused do not get there (beliefs 537 and 540).
func TestFieldsAreEncrypted(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	n, log := newLogged(t, site{}, func(_ context.Context, _ int, r *message.Request) (*message.Response, error) {
		b, err := io.ReadAll(r.Body)
		if got = string(b); err != nil || r.Length != int64(len(b)) {
			t.Errorf("a body of %d bytes, declared %d, %v", len(b), r.Length, err)
		}
		return ok("thanks"), nil
	})
	put := func(kind cdn.ResourceKind, id, document string) {
		n.apply(cdn.KindResourcePut, cdn.Resource{Kind: kind, ID: id, Name: id, CallerReference: id, Document: document})
	}
	put(cdn.ResourcePublicKey, "K1", "<PublicKeyConfig><EncodedKey>"+string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))+"</EncodedKey></PublicKeyConfig>")
	put(cdn.ResourceFieldLevelProfile, "P1", "<FieldLevelEncryptionProfileConfig><EncryptionEntities><Quantity>1</Quantity><Items><EncryptionEntity><PublicKeyId>K1</PublicKeyId><ProviderId>p</ProviderId>"+
		"<FieldPatterns><Quantity>1</Quantity><Items><FieldPattern>card</FieldPattern></Items></FieldPatterns></EncryptionEntity></Items></EncryptionEntities></FieldLevelEncryptionProfileConfig>")
	put(cdn.ResourceFieldLevelEncryption, "C1", "<FieldLevelEncryptionConfig><ContentTypeProfileConfig><ContentTypeProfiles><Quantity>1</Quantity><Items><ContentTypeProfile><Format>URLEncoded</Format><ProfileId>P1</ProfileId>"+
		"<ContentType>application/x-www-form-urlencoded</ContentType></ContentTypeProfile></Items></ContentTypeProfiles></ContentTypeProfileConfig></FieldLevelEncryptionConfig>")
	n.applyChange(site{behaviors: []behavior{{policy: optimized, methods: all7, protocol: "https-only", more: "<FieldLevelEncryptionId>C1</FieldLevelEncryptionId>"}}}.change("E1"))
	if ignored := n.state.Load().Plans["E1"].Ignored; len(ignored) > 0 {
		t.Errorf("ignored: %v", ignored)
	}
	for _, c := range []struct {
		method, contentType, body string
		status                    int
		line                      string
	}{
		{"POST", "application/x-www-form-urlencoded", "name=x&card=4111", 200, "Processed\t1"},
		{"PUT", "application/x-www-form-urlencoded", "name=x", 200, "Processed\t0"},
		{"POST", "text/plain", "card=4111", 400, "RejectedByContentType\t0"},
		{"PATCH", "text/plain", "card=4111", 200, "-\t-"},
	} {
		got = "nothing"
		r := n.request(c.method, "/pay", "Content-Type", c.contentType)
		r.Scheme, r.Body, r.Length = "https", strings.NewReader(c.body), int64(len(c.body))
		record := n.logged(log, t.Context(), r, message.Delivery{})
		if record.Status != c.status || !strings.Contains(string(record.Append(nil, false)), "\tHTTP/1.1\t"+c.line+"\t") {
			t.Errorf("%s %s: %d, %s", c.method, c.contentType, record.Status, record.Append(nil, false))
		}
		form, _ := url.ParseQuery(got)
		switch {
		case c.status == 400 && got != "nothing":
			t.Errorf("the origin was sent %q", got)
		case c.line == "Processed\t1" && (form.Get("name") != "x" || len(form.Get("card")) < 600 || strings.Contains(got, "4111")):
			t.Errorf("the origin was sent %q", got)
		case c.status == 200 && c.line != "Processed\t1" && got != c.body:
			t.Errorf("the origin was sent %q", got)
		}
	}
}
