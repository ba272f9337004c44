package control_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control"
	"github.com/warmfront/warmfront/control/accesskey"
	"github.com/warmfront/warmfront/control/admission"
	"github.com/warmfront/warmfront/control/services"
	"github.com/warmfront/warmfront/journal"
	"github.com/warmfront/warmfront/sigv4"
)

const accountNumber = "123456789012"

// keysAt are the access keys as a control has them.
func keysAt(core *control.Control) *accesskey.Keys {
	return accesskey.New(accesskey.Config{Journal: core, Vault: core.Vault(), FirstID: "AKIAFIRST", FirstSecret: "first", Account: accountNumber, Now: time.Now})
}

// signedCall is a call of a service's, signed with a key.
func signedCall(key sigv4.Credentials, service, target string, body []byte) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/", bytes.NewReader(body))
	r.Header.Set("X-Amz-Target", target)
	sum := sha256.Sum256(body)
	sigv4.Sign(r, key, sigv4.Scope{Region: "us-east-1", Service: service}, hex.EncodeToString(sum[:]), time.Now())
	return r
}

// acm makes a call of ACM's at a control.
func acm(t *testing.T, core *control.Control, name string, in any) (out map[string]any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	h := services.Handler(services.Config{
		Keys: keysAt(core), Core: core, Zone: "warmfront.test", Account: accountNumber, Hosts: admission.LocalNames("warmfront.test"), Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	}, http.NotFoundHandler())
	w := httptest.NewRecorder()
	h.ServeHTTP(w, signedCall(sigv4.Credentials{AccessKeyID: "AKIAFIRST", SecretAccessKey: "first"}, "acm", "CertificateManager."+name, body))
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", name, w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAccessKeysOutliveAControl: a key that one control made admits its holder at the next,
// to the services that it is for.
func TestAccessKeysOutliveAControl(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newCluster(t), newSharedStore(t)
		a := c.startMember(s, "control-1")
		first := c.leads(a, time.Second)
		b := c.startMember(s, "control-2")
		key, err := keysAt(first).Create(t.Context(), "ci", []string{"acm"})
		if err != nil {
			t.Fatal(err)
		}
		gone, err := keysAt(first).Create(t.Context(), "gone", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := keysAt(first).Delete(t.Context(), gone.ID); err != nil {
			t.Fatal(err)
		}
		a.running.stop(t)

		keys := keysAt(c.leads(b, 3*time.Second))
		if found, ok := keys.Lookup(key.ID); !ok || found.Secret != key.Secret {
			t.Errorf("the second control has %+v, %t", found, ok)
		}
		if _, ok := keys.Lookup(gone.ID); ok {
			t.Error("a key that was deleted is there again")
		}
		holder := sigv4.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}
		if err := keys.Authenticate("acm")(signedCall(holder, "acm", "x", nil), nil); err != nil {
			t.Error(err)
		}
		if err := keys.Authenticate("route53")(signedCall(holder, "route53", "x", nil), nil); cdn.ErrorCode(err) != "AccessDenied" {
			t.Errorf("for another service: %v", err)
		}
		b.running.stop(t)
	})
}

// imported is a certificate that nobody but its own key vouches for.
func imported(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})
}

// TestCertificatesOutliveAControl: what was imported into ACM at one control the next one
// describes, and an edge that only ever met the next shows it, with its private key.
func TestCertificatesOutliveAControl(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newCluster(t), newSharedStore(t)
		a := c.startMember(s, "control-1")
		first := c.leads(a, time.Second)
		b := c.startMember(s, "control-2")
		cert, key := imported(t, "www.example.com")
		arn, _ := acm(t, first, "ImportCertificate", map[string][]byte{"Certificate": cert, "PrivateKey": key})["CertificateArn"].(string)
		made, err := first.Propose(t.Context(), func(*cdn.State) ([]cdn.Change, error) {
			change, err := cdn.NewChange(cdn.KindDistributionPut, cdn.Distribution{
				ID: "E1", Domain: "d111.warmfront.test", Config: fmt.Sprintf(`<DistributionConfig><Enabled>true</Enabled>
<Aliases><Quantity>1</Quantity><Items><CNAME>www.example.com</CNAME></Items></Aliases>
<Origins><Quantity>1</Quantity><Items><Origin><Id>o</Id><DomainName>o.example</DomainName></Origin></Items></Origins>
<DefaultCacheBehavior><TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy>
<CachePolicyId>658327ea-f89d-4fab-a63d-7e88639e58f6</CachePolicyId></DefaultCacheBehavior>
<ViewerCertificate><ACMCertificateArn>%s</ACMCertificateArn><SSLSupportMethod>sni-only</SSLSupportMethod></ViewerCertificate></DistributionConfig>`, arn),
			}, time.Now())
			return []cdn.Change{change}, err
		})
		if err != nil {
			t.Fatal(err)
		}
		a.running.stop(t)

		second := c.leads(b, 3*time.Second)
		d, _ := acm(t, second, "DescribeCertificate", map[string]string{"CertificateArn": arn})["Certificate"].(map[string]any)
		if d["DomainName"] != "www.example.com" || d["Type"] != "IMPORTED" {
			t.Errorf("the second control describes it as %v", d)
		}
		edge := c.startNode(edgeNode("FRA", 1), at(b))
		until(t, time.Minute, "the edge", func() bool { return !edge.d.State().Version.Before(made) })
		until(t, time.Minute, "completion", func() bool { return !second.Settled(journal.Deployed).Before(made) })
		got, err := shown(t, edge.d, cert, "www.example.com")
		if err != nil || got.SerialNumber.Int64() != 7 {
			t.Errorf("the edge shows %v, %v", got, err)
		}
		edge.stop(t)
		b.running.stop(t)
	})
}
