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
//
// One call goes through it like this: admission, then the operation that
// X-Amz-Target names decodes its input, decides inside Propose, and answers with
// what becomes JSON. Errors become ACM's in one place (fail).
package acm

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/admission"
	"github.com/warmfront/warmfront/sigv4"
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
	h := &handler{Config: cfg}
	h.operations = map[string]operation{
		"ImportCertificate":           handle(h.importCertificate),
		"RequestCertificate":          handle(h.request),
		"DescribeCertificate":         handle(h.describe),
		"GetCertificate":              handle(h.get),
		"ListCertificates":            handle(h.list),
		"DeleteCertificate":           handle(h.delete),
		"ListTagsForCertificate":      handle(h.listTags),
		"AddTagsToCertificate":        handle(h.addTags),
		"RemoveTagsFromCertificate":   handle(h.removeTags),
		"UpdateCertificateOptions":    handle(h.updateOptions),
		"ResendValidationEmail":       nil,
		"RenewCertificate":            nil,
		"ExportCertificate":           nil,
		"GetAccountConfiguration":     nil,
		"PutAccountConfiguration":     nil,
		"RevokeCertificate":           nil,
		"SearchCertificates":          nil,
		"ListCertificateAssociations": nil,
	}
	return h
}

type handler struct {
	Config
	operations map[string]operation
}

// operation answers a call, given its body, with what becomes JSON; nil is no body.
type operation func(ctx context.Context, body []byte) (any, error)

// handle decodes the input of an operation.
func handle[In any](f func(context.Context, *In) (any, error)) operation {
	return func(ctx context.Context, body []byte) (any, error) {
		in := new(In)
		if err := json.Unmarshal(body, in); err != nil {
			return nil, cdn.Errorf("SerializationException", "The body is not the JSON of this call: %v", err)
		}
		return f(ctx, in)
	}
}

const contentType = "application/x-amz-json-1.1"

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := h.RequestID()
	w.Header().Set("x-amzn-RequestId", id)
	name := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "CertificateManager.")
	answer, err := h.do(w, r, name)
	if err != nil {
		h.fail(w, id, name, err)
		return
	}
	w.Header().Set("Content-Type", contentType)
	if answer == nil {
		return
	}
	_ = json.NewEncoder(w).Encode(answer) // the caller is gone
}

func (h *handler) do(w http.ResponseWriter, r *http.Request, name string) (any, error) {
	body, err := h.Gate.Admit(w, r)
	if err != nil {
		return nil, err
	}
	serve, known := h.operations[name]
	switch {
	case r.Method != http.MethodPost || !known:
		return nil, cdn.Errorf("UnknownOperationException", "There is no operation %.128s.", name)
	case serve == nil:
		return nil, cdn.Errorf("UnsupportedOperationException", "Warmfront does not support the operation %s.", name)
	}
	return serve(r.Context(), body)
}

// fail is the one place where errors become ACM's.
func (h *handler) fail(w http.ResponseWriter, id, name string, err error) {
	code, message, status := "InternalFailure", "The request could not be processed because of an internal error.", http.StatusInternalServerError
	var coded *cdn.Error
	var signature *sigv4.Error
	switch {
	case errors.As(err, &signature):
		code, message, status = signature.JSON()
	case errors.As(err, &coded):
		code, message, status = coded.Code, coded.Message, http.StatusBadRequest
		if code == "AccessDenied" {
			code = "AccessDeniedException"
		}
	default:
		h.Logger.Error("ACM failed", "operation", name, "request", id, "error", err)
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("x-amzn-ErrorType", code)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": message})
}
