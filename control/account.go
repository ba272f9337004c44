package control

import (
	"context"
	"crypto"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/vault"
	"github.com/warmfront/warmfront/control/wire"
)

// Vault keeps what is secret of the account's resources.
func (c *Control) Vault() *vault.Vault { return c.vault }

// IssueCertificate returns a certificate of the viewers' authority, in PEM, for names
// and a key that control keeps, and the authority's own.
func (c *Control) IssueCertificate(key crypto.PublicKey, names []string, life time.Duration) (leaf, chain []byte, err error) {
	leaf, err = c.authority.Issue(key, names, life, time.Now())
	return leaf, c.authority.ViewerPEM(), err
}

// secret hands a node what is secret of a resource: only to the role that has to do
// with it, and of a certificate only while a distribution shows it.
func (c *Control) secret(_ context.Context, node string, body []byte) (any, error) {
	var r wire.SecretRequest
	if err := decode(body, &r); err != nil {
		return nil, err
	}
	state := c.State()
	ref, role := cdn.ResourceRef{Kind: r.Kind, ID: r.ID}, state.Nodes[node].Role
	switch {
	case r.Kind == cdn.ResourceAccessKey && role == cdn.RoleOrigin:
	case r.Kind == cdn.ResourceCertificate && role == cdn.RoleEdge && state.UserOf(ref) != "":
	default:
		return nil, &wire.Error{Code: wire.CodeDenied, Message: "the secret of " + string(r.Kind) + " " + r.ID + " is not for this node"}
	}
	if state.Resource(r.Kind, r.ID) == nil {
		return nil, &wire.Error{Code: wire.CodeName, Message: "there is no " + string(r.Kind) + " " + r.ID}
	}
	secret, err := c.vault.Get(string(r.Kind), r.ID)
	return wire.SecretAnswer{Secret: secret}, err
}
