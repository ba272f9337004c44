package acm

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/account"
)

// epoch is a time as the protocol writes it: seconds since 1970.
func epoch(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func (h *handler) newARN() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	x := hex.EncodeToString(b[:])
	return "arn:aws:acm:us-east-1:" + h.Account + ":certificate/" + strings.Join([]string{x[:8], x[8:12], x[12:16], x[16:20], x[20:]}, "-")
}

// find returns a certificate by its ARN.
func (h *handler) find(s *cdn.State, arn string) (*cdn.Resource, *account.Certificate, error) {
	if !strings.HasPrefix(arn, "arn:") || !strings.Contains(arn, ":certificate/") {
		return nil, nil, cdn.Errorf("InvalidArnException", "arn %.300q is not the ARN of a certificate", arn)
	}
	r := s.Resource(cdn.ResourceCertificate, arn)
	if r == nil {
		return nil, nil, cdn.Errorf("ResourceNotFoundException", "Could not find certificate %.300s.", arn)
	}
	c, err := account.ParseCertificate(r.Document)
	return r, c, err
}

type reference struct{ CertificateArn string }

type detail struct {
	CertificateArn          string
	DomainName              string
	SubjectAlternativeNames []string
	DomainValidationOptions []validation `json:",omitempty"`
	Serial, Subject, Issuer string
	CreatedAt               float64 `json:",omitempty"`
	IssuedAt                float64 `json:",omitempty"`
	ImportedAt              float64 `json:",omitempty"`
	Status                  string
	NotBefore, NotAfter     float64
	KeyAlgorithm            string
	SignatureAlgorithm      string
	InUseBy                 []string
	Type                    string
	RenewalEligibility      string
	KeyUsages               []named
	ExtendedKeyUsages       []usage
	Options                 options
}

type named struct{ Name string }

type usage struct{ Name, OID string }

type options struct {
	CertificateTransparencyLoggingPreference string `json:",omitempty"`
	Export                                   string `json:",omitempty"`
}

type validation struct {
	DomainName, ValidationDomain, ValidationStatus, ValidationMethod string
	ResourceRecord                                                   *record `json:",omitempty"`
}

type record struct{ Name, Type, Value string }

func (h *handler) describe(_ context.Context, in *reference) (any, error) {
	s := h.Journal.State()
	r, c, err := h.find(s, in.CertificateArn)
	if err != nil {
		return nil, err
	}
	d := detail{
		CertificateArn: r.ID, DomainName: c.Domain, SubjectAlternativeNames: c.Names, Serial: c.Serial, Subject: c.Subject, Issuer: c.Issuer,
		Status: status(c, h.Now()), NotBefore: epoch(c.NotBefore), NotAfter: epoch(c.NotAfter), KeyAlgorithm: c.Key, SignatureAlgorithm: c.Signature,
		InUseBy: users(s, r), RenewalEligibility: "INELIGIBLE",
		KeyUsages:         []named{{"DIGITAL_SIGNATURE"}, {"KEY_ENCIPHERMENT"}},
		ExtendedKeyUsages: []usage{{"TLS_WEB_SERVER_AUTHENTICATION", "1.3.6.1.5.5.7.3.1"}},
		Options:           options{"DISABLED", c.Export},
	}
	if c.Imported {
		d.Type, d.ImportedAt = "IMPORTED", epoch(r.LastModified)
		return map[string]any{"Certificate": d}, nil
	}
	d.Type, d.CreatedAt, d.IssuedAt = "AMAZON_ISSUED", epoch(r.Created), epoch(r.Created)
	for _, name := range c.Names {
		v := validation{DomainName: name, ValidationDomain: name, ValidationStatus: "SUCCESS", ValidationMethod: c.Validation}
		if c.Validation == "DNS" {
			v.ResourceRecord = validationRecord(r.ID, name)
		}
		d.DomainValidationOptions = append(d.DomainValidationOptions, v)
	}
	return map[string]any{"Certificate": d}, nil
}

// status is EXPIRED once the certificate is; nothing here is ever pending.
func status(c *account.Certificate, now time.Time) string {
	if now.After(c.NotAfter) {
		return "EXPIRED"
	}
	return "ISSUED"
}

// users are the ARNs of the distributions that show a certificate.
func users(s *cdn.State, r *cdn.Resource) []string {
	arns := []string{}
	for _, p := range s.Plans {
		if p.UsesResource(r.Ref()) {
			arns = append(arns, p.ARN)
		}
	}
	slices.Sort(arns)
	return arns
}

func (h *handler) get(_ context.Context, in *reference) (any, error) {
	_, c, err := h.find(h.Journal.State(), in.CertificateArn)
	if err != nil {
		return nil, err
	}
	out := map[string]string{"Certificate": c.Leaf}
	if c.Chain != "" {
		out["CertificateChain"] = c.Chain
	}
	return out, nil
}

type summary struct {
	CertificateArn, DomainName           string
	SubjectAlternativeNameSummaries      []string
	HasAdditionalSubjectAlternativeNames bool
	Status, Type, KeyAlgorithm           string
	KeyUsages, ExtendedKeyUsages         []string
	InUse                                bool
	RenewalEligibility                   string
	NotBefore, NotAfter                  float64
	CreatedAt                            float64 `json:",omitempty"`
	IssuedAt                             float64 `json:",omitempty"`
	ImportedAt                           float64 `json:",omitempty"`
}

type listInput struct {
	CertificateStatuses []string
	Includes            struct{ KeyTypes []string }
	MaxItems            *int
	NextToken           string
}

const maxItems = 1000

// list pages in the order of ARNs: a token is the last one of the page before.
func (h *handler) list(_ context.Context, in *listInput) (any, error) {
	limit := maxItems
	if in.MaxItems != nil {
		if limit = *in.MaxItems; limit < 1 || limit > maxItems {
			return nil, cdn.Errorf("ValidationException", "MaxItems must be between 1 and %d.", maxItems)
		}
	}
	s := h.Journal.State()
	all := s.ResourcesOf(cdn.ResourceCertificate)
	out := struct {
		CertificateSummaryList []summary
		NextToken              string `json:",omitempty"`
	}{CertificateSummaryList: []summary{}}
	for _, arn := range slices.Sorted(maps.Keys(all)) {
		if arn <= in.NextToken {
			continue
		}
		r, c, err := h.find(s, arn)
		if err != nil {
			return nil, err
		}
		if len(in.CertificateStatuses) > 0 && !slices.Contains(in.CertificateStatuses, status(c, h.Now())) ||
			len(in.Includes.KeyTypes) > 0 && !slices.Contains(in.Includes.KeyTypes, c.Key) {
			continue
		}
		if len(out.CertificateSummaryList) == limit {
			out.NextToken = out.CertificateSummaryList[limit-1].CertificateArn
			break
		}
		line := summary{
			CertificateArn: arn, DomainName: c.Domain, SubjectAlternativeNameSummaries: c.Names, Status: status(c, h.Now()), Type: "AMAZON_ISSUED", KeyAlgorithm: c.Key,
			KeyUsages: []string{"DIGITAL_SIGNATURE"}, ExtendedKeyUsages: []string{"TLS_WEB_SERVER_AUTHENTICATION"},
			InUse: len(users(s, r)) > 0, RenewalEligibility: "INELIGIBLE", NotBefore: epoch(c.NotBefore), NotAfter: epoch(c.NotAfter), CreatedAt: epoch(r.Created),
		}
		if c.Imported {
			line.Type, line.ImportedAt = "IMPORTED", epoch(r.LastModified)
		} else {
			line.IssuedAt = epoch(r.Created)
		}
		out.CertificateSummaryList = append(out.CertificateSummaryList, line)
	}
	return out, nil
}

func (h *handler) delete(ctx context.Context, in *reference) (any, error) {
	_, err := h.Journal.Propose(ctx, func(s *cdn.State) ([]cdn.Change, error) {
		r, _, err := h.find(s, in.CertificateArn)
		if err != nil {
			return nil, err
		}
		if by := users(s, r); len(by) > 0 {
			return nil, cdn.Errorf("ResourceInUseException", "Certificate %s in account %s is in use by %s.", r.ID, h.Account, strings.Join(by, ", "))
		}
		c, err := cdn.NewChange(cdn.KindResourceDelete, r.Ref(), h.Now())
		return []cdn.Change{c}, err
	})
	if err != nil {
		return nil, err
	}
	return nil, h.Vault.Delete(string(cdn.ResourceCertificate), in.CertificateArn)
}

// put proposes one certificate, made of the newest state.
func (h *handler) put(ctx context.Context, f func(*cdn.State) (*cdn.Resource, error)) error {
	_, err := h.Journal.Propose(ctx, func(s *cdn.State) ([]cdn.Change, error) {
		r, err := f(s)
		if r == nil || err != nil {
			return nil, err
		}
		c, err := cdn.NewChange(cdn.KindResourcePut, r, h.Now())
		return []cdn.Change{c}, err
	})
	return err
}

type optionsInput struct {
	CertificateArn string
	Options        options
}

// updateOptions keeps what is asked for; there is no transparency log here.
func (h *handler) updateOptions(ctx context.Context, in *optionsInput) (any, error) {
	return nil, h.put(ctx, func(s *cdn.State) (*cdn.Resource, error) {
		old, c, err := h.find(s, in.CertificateArn)
		if err != nil {
			return nil, err
		}
		c.Export = in.Options.Export
		next := *old
		next.Document = account.Encode(c)
		return &next, nil
	})
}
