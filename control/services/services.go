// Package services puts the services of an account at one address: each request
// goes to the one that its signature names, and what names none, or CloudFront, to
// the rest. An endpoint of its own for each service is not needed, then, and a
// single AWS_ENDPOINT_URL works.
package services

import (
	"crypto"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/warmfront/warmfront/control/accesskey"
	"github.com/warmfront/warmfront/control/acm"
	"github.com/warmfront/warmfront/control/admission"
	"github.com/warmfront/warmfront/control/keyvalue"
	"github.com/warmfront/warmfront/control/logdelivery"
	"github.com/warmfront/warmfront/control/route53"
	"github.com/warmfront/warmfront/control/sts"
	"github.com/warmfront/warmfront/control/vault"
	"github.com/warmfront/warmfront/sigv4"
)

// Config is what the services are made of.
type Config struct {
	Keys *accesskey.Keys
	// Core is the journal, the secrets and the authority: *control.Control.
	Core Core
	// Zone is the network's own, and Account the twelve digits in ARNs.
	Zone, Account string
	// Hosts are the names by which services may be called.
	Hosts  admission.Names
	Now    func() time.Time
	Logger *slog.Logger
}

// Core is what services keep their things in.
type Core interface {
	route53.Journal
	Vault() *vault.Vault
	// IssueCertificate returns a certificate of the network's authority and the
	// authority's own.
	IssueCertificate(key crypto.PublicKey, names []string, life time.Duration) (leaf, chain []byte, err error)
}

const maxBody = 1 << 20

// Handler serves the services beside CloudFront, and leaves everything else to rest.
func Handler(cfg Config, rest http.Handler) http.Handler {
	gate := func(service string) admission.Gate {
		return admission.Gate{Hosts: cfg.Hosts, Authenticate: cfg.Keys.Authenticate(service), MaxBody: maxBody}
	}
	who := func(service string) sts.Config {
		return sts.Config{Gate: gate(service), Who: cfg.Keys.Who, RequestID: requestID, Logger: cfg.Logger}
	}
	all := map[string]http.Handler{
		"sts": sts.Handler(who("sts")),
		"iam": sts.IAM(who("iam")),
		// Its keys are in paths, which nobody may clean.
		keyvalue.Service: keyvalue.Handler(keyvalue.Config{
			Journal: cfg.Core, Authenticate: cfg.Keys.Authenticate(keyvalue.Service), Account: cfg.Account, Hosts: cfg.Hosts, Now: cfg.Now, Random: rand.Reader, Logger: cfg.Logger,
		}),
		"acm": acm.Handler(acm.Config{
			Gate: gate("acm"), Journal: cfg.Core, Vault: cfg.Core.Vault(), Issue: cfg.Core.IssueCertificate, Zone: cfg.Zone, Account: cfg.Account,
			Now: cfg.Now, RequestID: requestID, Logger: cfg.Logger,
		}),
		"logs": logdelivery.Handler(logdelivery.Config{
			Gate: gate("logs"), Journal: cfg.Core, Account: cfg.Account, Now: cfg.Now, RequestID: requestID, Logger: cfg.Logger,
		}),
		"route53": route53.Handler(route53.Config{
			Gate: gate("route53"), Journal: cfg.Core, Zone: cfg.Zone, Now: cfg.Now, RequestID: requestID, Logger: cfg.Logger,
		}),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h, found := all[named(r)]; found {
			h.ServeHTTP(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	})
}

// named is the service that a request is for: what its signature says, or where it
// has none, so that the refusal is in the right dialect, what its target says.
func named(r *http.Request) string {
	if _, service := sigv4.Claimed(r); service != "" {
		return service
	}
	switch target := r.Header.Get("X-Amz-Target"); {
	case strings.HasPrefix(target, "CertificateManager."):
		return "acm"
	case strings.HasPrefix(target, logdelivery.Target):
		return "logs"
	case strings.HasPrefix(r.URL.Path, keyvalue.Path):
		return keyvalue.Service
	case strings.HasPrefix(r.URL.Path, "/2013-04-01/"):
		return "route53"
	case r.URL.Path == "/" && r.URL.Query().Get("Action") != "", r.URL.Path == "/" && r.Method == http.MethodPost:
		return "sts"
	}
	return ""
}

// requestID is a random UUID.
func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}
