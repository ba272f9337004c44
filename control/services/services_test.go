package services

import (
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/accesskey"
	"github.com/warmfront/warmfront/control/admission"
	"github.com/warmfront/warmfront/control/journaltest"
	"github.com/warmfront/warmfront/control/vault"
	"github.com/warmfront/warmfront/sigv4"
)

// core is a journal with a vault, and no authority.
type core struct {
	*journaltest.Journal
	vault *vault.Vault
}

func (c core) Vault() *vault.Vault { return c.vault }

func (core) IssueCertificate(crypto.PublicKey, []string, time.Duration) (leaf, chain []byte, err error) {
	return nil, nil, errors.New("there is no authority")
}

func newKeys(t *testing.T) (*accesskey.Keys, core) {
	j := journaltest.New()
	v, err := vault.New(j, []byte("a secret of the cluster"))
	if err != nil {
		t.Fatal(err)
	}
	return accesskey.New(accesskey.Config{Journal: j, Vault: v, FirstID: "FIRST", FirstSecret: "first", Account: "123456789012", Now: time.Now}), core{j, v}
}

func send(h http.Handler, service, id, secret, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1:8800"+target, strings.NewReader(body))
	for _, header := range headers {
		name, v, _ := strings.Cut(header, ": ")
		if name == "Host" {
			r.Host = v
		}
		r.Header.Set(name, v)
	}
	if service != "" {
		sum := sha256.Sum256([]byte(body))
		sigv4.Sign(r, sigv4.Credentials{AccessKeyID: id, SecretAccessKey: secret}, sigv4.Scope{Region: "eu-west-1", Service: service}, hex.EncodeToString(sum[:]), time.Now())
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestServices(t *testing.T) {
	keys, core := newKeys(t)
	limited, err := keys.Create(t.Context(), "ci", []string{"s3", "sts"})
	if err != nil {
		t.Fatal(err)
	}
	h := Handler(Config{Core: core, Zone: "warmfront.test", Account: "123456789012", Keys: keys, Hosts: admission.LocalNames("warmfront.test"), Now: time.Now, Logger: slog.New(slog.DiscardHandler)},
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the rest") }))
	const identity = "Action=GetCallerIdentity&Version=2011-06-15"
	for name, test := range map[string]struct {
		service, id, secret, method, target, body, header string
		status                                            int
		holds                                             string
	}{
		"POST":                  {"sts", "FIRST", "first", "POST", "/", identity, "", 200, "<Arn>arn:aws:iam::123456789012:root</Arn><UserId>123456789012</UserId>"},
		"GET":                   {"sts", "FIRST", "first", "GET", "/?" + identity, "", "", 200, "<Account>123456789012</Account>"},
		"a key of its own":      {"sts", limited.ID, limited.Secret, "POST", "/", identity, "", 200, ":user/ci</Arn>"},
		"not for this service":  {"iam", limited.ID, limited.Secret, "POST", "/", "Action=GetUser", "", 403, "<Code>AccessDenied</Code>"},
		"iam":                   {"iam", "FIRST", "first", "POST", "/", "Action=GetUser", "", 200, "<GetUserResult"},
		"iam, somebody else":    {"iam", "FIRST", "first", "POST", "/", "Action=GetUser&UserName=x", "", 404, "NoSuchEntity"},
		"another action":        {"sts", "FIRST", "first", "POST", "/", "Action=AssumeRole", "", 400, "InvalidAction"},
		"a wrong secret":        {"sts", "FIRST", "second", "POST", "/", identity, "", 403, "SignatureDoesNotMatch"},
		"no such key":           {"sts", "NOBODY", "first", "POST", "/", identity, "", 403, "InvalidClientTokenId"},
		"no signature":          {"", "", "", "POST", "/", identity, "", 403, "MissingAuthenticationToken"},
		"a name that rebinds":   {"sts", "FIRST", "first", "POST", "/", identity, "Host: rebound.example", 403, "AccessDenied"},
		"a page elsewhere":      {"sts", "FIRST", "first", "POST", "/", identity, "Origin: https://evil.example", 403, "AccessDenied"},
		"a key in a path":       {"cloudfront-keyvaluestore", "FIRST", "first", "GET", "/key-value-stores/arn%3Ax/keys/a%2F%2Fb", "", "", 404, "does not exist"},
		"a store, unsigned":     {"", "", "", "GET", "/key-value-stores/arn%3Ax", "", "", 403, "MissingAuthenticationToken"},
		"cloudfront":            {"cloudfront", "FIRST", "first", "GET", "/2020-05-31/distribution", "", "", 200, "the rest"},
		"what is nobody's":      {"", "", "", "GET", "/", "", "", 200, "the rest"},
		"more than can be read": {"sts", "FIRST", "first", "POST", "/", strings.Repeat("a", maxBody+1), "", 413, "RequestEntityTooLarge"},
	} {
		w := send(h, test.service, test.id, test.secret, test.method, test.target, test.body, test.header)
		if w.Code != test.status || !strings.Contains(w.Body.String(), test.holds) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestAccessKeys(t *testing.T) {
	keys, _ := newKeys(t)
	made, err := keys.Create(t.Context(), "ci", []string{"s3", "cloudfront", "s3"})
	if err != nil {
		t.Fatal(err)
	}
	if k, ok := keys.Lookup(made.ID); !ok || k.Secret != made.Secret {
		t.Errorf("%+v, %v", k, ok)
	}
	all := keys.List()
	if len(all) != 2 || !all[0].First || all[1].Name != "ci" || all[1].Secret != "" || strings.Join(all[1].Services, " ") != "cloudfront s3" {
		t.Errorf("%+v", all)
	}
	for name, refused := range map[string]struct {
		err  error
		code string
	}{
		"the name again":   {second(keys.Create(t.Context(), "ci", nil)), "EntityAlreadyExists"},
		"no such service":  {second(keys.Create(t.Context(), "x", []string{"ec2"})), "InvalidArgument"},
		"no name":          {second(keys.Create(t.Context(), "a b", nil)), "InvalidArgument"},
		"the first":        {keys.Delete(t.Context(), "FIRST"), "DeleteConflict"},
		"one that is none": {keys.Delete(t.Context(), "none"), "NoSuchEntity"},
	} {
		if cdn.ErrorCode(refused.err) != refused.code {
			t.Errorf("%s: %v", name, refused.err)
		}
	}
	if err := keys.Delete(t.Context(), "ci"); err != nil {
		t.Fatal(err)
	}
	if _, ok := keys.Lookup(made.ID); ok || len(keys.List()) != 1 {
		t.Error("it is still there")
	}
}

func second(_ accesskey.Key, err error) error { return err }
