// Package acm serves what distributions and those who apply them need of AWS
// Certificate Manager, over its JSON protocol: ImportCertificate,
// RequestCertificate, DescribeCertificate, GetCertificate, ListCertificates,
// DeleteCertificate, and tags.
//
// What is public of a certificate is a resource of the journal, which every node
// knows; its private key is in the vault alone, from which control hands it to
// edges while a distribution shows it. A certificate that is asked for is issued
// at once, by the network's own authority, where its names are the account's: in
// the zone, in a hosted zone, or an alias of a distribution.
package acm

import (
	"context"
	"crypto"
	"log/slog"
	"net/http"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/admission"
	"github.com/warmfront/warmfront/control/awsjson"
)

// Journal is what certificates are kept in; *control.Control is one.
type Journal interface {
	State() *cdn.State
	Propose(ctx context.Context, f func(*cdn.State) ([]cdn.Change, error)) (cdn.Version, error)
}

// Vault keeps private keys; *vault.Vault is one.
type Vault interface {
	Put(kind, id, secret string) error
	Delete(kind, id string) error
}

// Config is what the service is given.
type Config struct {
	Gate    admission.Gate
	Journal Journal
	Vault   Vault
	// Issue returns a certificate of the network's authority and the authority's
	// own, in PEM.
	Issue func(key crypto.PublicKey, names []string, life time.Duration) (leaf, chain []byte, err error)
	// Zone is the network's own, and Account the twelve digits in ARNs.
	Zone, Account string
	Now           func() time.Time
	RequestID     func() string
	Logger        *slog.Logger
}

// Handler serves ACM.
func Handler(cfg Config) http.Handler {
	h := &handler{cfg}
	return &awsjson.Service{
		Name: "ACM", Target: "CertificateManager.", Internal: "InternalFailure",
		Gate: cfg.Gate, RequestID: cfg.RequestID, Logger: cfg.Logger,
		Operations: map[string]awsjson.Operation{
			"ImportCertificate":           awsjson.Handle(h.importCertificate),
			"RequestCertificate":          awsjson.Handle(h.request),
			"DescribeCertificate":         awsjson.Handle(h.describe),
			"GetCertificate":              awsjson.Handle(h.get),
			"ListCertificates":            awsjson.Handle(h.list),
			"DeleteCertificate":           awsjson.Handle(h.delete),
			"ListTagsForCertificate":      awsjson.Handle(h.listTags),
			"AddTagsToCertificate":        awsjson.Handle(h.addTags),
			"RemoveTagsFromCertificate":   awsjson.Handle(h.removeTags),
			"UpdateCertificateOptions":    awsjson.Handle(h.updateOptions),
			"ResendValidationEmail":       nil,
			"RenewCertificate":            nil,
			"ExportCertificate":           nil,
			"GetAccountConfiguration":     nil,
			"PutAccountConfiguration":     nil,
			"RevokeCertificate":           nil,
			"SearchCertificates":          nil,
			"ListCertificateAssociations": nil,
		},
	}
}

type handler struct{ Config }
