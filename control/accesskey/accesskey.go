// Package accesskey keeps the access keys that callers of an account's services
// sign with.
//
// The first key is the account's own, from a file, and stays. Further ones are
// resources of the journal, with their secrets in the vault: who may use which is
// known to every node that must know (the object store), the secret only to who
// asks control for it. Each may be limited to services; what it signs for another
// is AccessDenied.
//
// One request goes through it like this: Authenticate verifies its signature with
// the key's secret, and then asks whether the key is for the service.
package accesskey

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/account"
	"github.com/warmfront/warmfront/control/admission"
	"github.com/warmfront/warmfront/sigv4"
)

// Journal is what keys are kept in; *control.Control is one.
type Journal interface {
	State() *cdn.State
	Propose(ctx context.Context, f func(*cdn.State) ([]cdn.Change, error)) (cdn.Version, error)
}

// Vault keeps the secrets; *vault.Vault is one.
type Vault interface {
	Put(kind, id, secret string) error
	Get(kind, id string) (string, error)
	Delete(kind, id string) error
}

// Config is what Keys are made of.
type Config struct {
	Journal Journal
	Vault   Vault
	// FirstID and FirstSecret are the account's own key, for all services.
	FirstID, FirstSecret string
	Account              string // twelve digits
	Now                  func() time.Time
}

// Keys are an account's access keys.
type Keys struct{ cfg Config }

// New returns the keys.
func New(cfg Config) *Keys { return &Keys{cfg} }

// Key is what is shown of one.
type Key struct {
	ID string `json:"id"`
	// Secret is shown once, when the key is created.
	Secret   string    `json:"secret,omitempty"`
	Name     string    `json:"name,omitempty"`
	Services []string  `json:"services"` // empty: all
	Created  time.Time `json:"created,omitzero"`
	First    bool      `json:"first,omitempty"` // the account's own, which cannot be deleted
}

// Services are those that a key can be limited to, by their names in signatures.
func Services() []string {
	return []string{"acm", "cloudfront", "cloudfront-keyvaluestore", "iam", "logs", "route53", "s3", "sts", "warmfront"}
}

const maxKeys = 100

// Lookup finds the secret of a key, whatever it is for.
func (k *Keys) Lookup(id string) (sigv4.Key, bool) {
	if id == k.cfg.FirstID {
		return sigv4.Key{Secret: k.cfg.FirstSecret}, true
	}
	if k.cfg.Journal.State().Resource(cdn.ResourceAccessKey, id) == nil {
		return sigv4.Key{}, false // a stranger's guess costs nothing
	}
	secret, err := k.cfg.Vault.Get(string(cdn.ResourceAccessKey), id)
	return sigv4.Key{Secret: secret}, err == nil && secret != ""
}

// Authenticate takes requests signed for a service by keys that may be used for
// it. Its errors are *sigv4.Error, and *cdn.Error with the code AccessDenied.
func (k *Keys) Authenticate(service string) admission.Authenticate {
	// Key value stores are of no region: their clients sign with Version 4A.
	v := sigv4.Verifier{Service: service, Lookup: k.Lookup, Asymmetric: service == "cloudfront-keyvaluestore"}
	return func(r *http.Request, body []byte) error {
		sum := sha256.Sum256(body)
		signed, err := v.Verify(r, hex.EncodeToString(sum[:]), k.cfg.Now())
		if err != nil {
			return err
		}
		if !k.allows(signed.AccessKeyID, service) {
			return cdn.Errorf("AccessDenied", "%s is not authorized to use %s: its access key is for other services.", k.Who(signed.AccessKeyID).ARN, service)
		}
		return nil
	}
}

func (k *Keys) allows(id, service string) bool {
	r := k.cfg.Journal.State().Resource(cdn.ResourceAccessKey, id)
	if r == nil {
		return id == k.cfg.FirstID
	}
	key, err := account.ParseAccessKey(r.Document)
	return err == nil && key.Allows(service)
}

// Identity is who holds a key.
type Identity struct{ UserID, Account, ARN, Name string }

// Who tells whose a key is: the first is the account's root, another a user of its
// name.
func (k *Keys) Who(id string) Identity {
	who := Identity{UserID: k.cfg.Account, Account: k.cfg.Account, ARN: "arn:aws:iam::" + k.cfg.Account + ":root"}
	if r := k.cfg.Journal.State().Resource(cdn.ResourceAccessKey, id); r != nil {
		sum := sha256.Sum256([]byte(id))
		who.UserID = "AIDA" + base32.StdEncoding.EncodeToString(sum[:])[:17]
		who.Name = r.Name
		who.ARN = "arn:aws:iam::" + k.cfg.Account + ":user/" + r.Name
	}
	return who
}

// Create makes a key for services, all if there are none. Its errors are
// *cdn.Error: InvalidArgument, EntityAlreadyExists, LimitExceeded.
func (k *Keys) Create(ctx context.Context, name string, services []string) (Key, error) {
	for _, s := range services {
		if !slices.Contains(Services(), s) {
			return Key{}, cdn.Errorf("InvalidArgument", "There is no service %.64q: use %s.", s, strings.Join(Services(), ", "))
		}
	}
	key := Key{ID: "AKIA" + rand.Text()[:16], Secret: rand.Text() + rand.Text()[:14], Name: name, Services: slices.Compact(slices.Sorted(slices.Values(services))), Created: k.cfg.Now().UTC().Truncate(time.Second)}
	if key.Name == "" {
		key.Name = strings.ToLower(key.ID)
	}
	if len(key.Name) > 64 || strings.Trim(strings.ToLower(key.Name), "abcdefghijklmnopqrstuvwxyz0123456789+=,.@_-") != "" {
		return Key{}, cdn.Errorf("InvalidArgument", "The name of a key has at most 64 letters, digits and characters of +=,.@_-.")
	}
	// The secret first: a key that is in the journal can be used at once.
	if err := k.cfg.Vault.Put(string(cdn.ResourceAccessKey), key.ID, key.Secret); err != nil {
		return Key{}, err
	}
	_, err := k.cfg.Journal.Propose(ctx, func(s *cdn.State) ([]cdn.Change, error) {
		if s.ResourceNamed(cdn.ResourceAccessKey, key.Name) != nil {
			return nil, cdn.Errorf("EntityAlreadyExists", "There is an access key of the name %s.", key.Name)
		}
		if len(s.ResourcesOf(cdn.ResourceAccessKey)) >= maxKeys {
			return nil, cdn.Errorf("LimitExceeded", "There can be at most %d access keys.", maxKeys)
		}
		c, err := cdn.NewChange(cdn.KindResourcePut, &cdn.Resource{
			Kind: cdn.ResourceAccessKey, ID: key.ID, Name: key.Name, Created: key.Created,
			Document: account.Encode(account.AccessKey{Services: key.Services}),
		}, k.cfg.Now())
		return []cdn.Change{c}, err
	})
	if err != nil {
		_ = k.cfg.Vault.Delete(string(cdn.ResourceAccessKey), key.ID) // of no use to anybody
		return Key{}, err
	}
	return key, nil
}

// List returns all keys, the first one first, without secrets.
func (k *Keys) List() []Key {
	all := []Key{{ID: k.cfg.FirstID, First: true, Services: []string{}}}
	made := k.cfg.Journal.State().ResourcesOf(cdn.ResourceAccessKey)
	for _, id := range slices.SortedFunc(maps.Keys(made), func(a, b string) int { return strings.Compare(made[a].Name, made[b].Name) }) {
		key := Key{ID: id, Name: made[id].Name, Created: made[id].Created, Services: []string{}}
		if doc, err := account.ParseAccessKey(made[id].Document); err == nil {
			key.Services = append(key.Services, doc.Services...)
		}
		all = append(all, key)
	}
	return all
}

// Delete takes a key away by its id or name: what it signs is refused from then on,
// by the object store as soon as it has heard. Its errors are *cdn.Error:
// NoSuchEntity, DeleteConflict for the first key.
func (k *Keys) Delete(ctx context.Context, id string) error {
	if id == k.cfg.FirstID {
		return cdn.Errorf("DeleteConflict", "The first access key cannot be deleted: it is the one in the state folder.")
	}
	_, err := k.cfg.Journal.Propose(ctx, func(s *cdn.State) ([]cdn.Change, error) {
		r := s.Resource(cdn.ResourceAccessKey, id)
		if r == nil {
			r = s.ResourceNamed(cdn.ResourceAccessKey, id)
		}
		if r == nil {
			return nil, cdn.Errorf("NoSuchEntity", "There is no access key %.64s.", id)
		}
		id = r.ID
		c, err := cdn.NewChange(cdn.KindResourceDelete, r.Ref(), k.cfg.Now())
		return []cdn.Change{c}, err
	})
	if err != nil {
		return err
	}
	return k.cfg.Vault.Delete(string(cdn.ResourceAccessKey), id)
}
