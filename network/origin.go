package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/account"
	"github.com/warmfront/warmfront/cdn/span"
	"github.com/warmfront/warmfront/control/client"
	"github.com/warmfront/warmfront/network/ports"
	"github.com/warmfront/warmfront/network/tracing"
	"github.com/warmfront/warmfront/origin"
	"github.com/warmfront/warmfront/origin/address"
	"github.com/warmfront/warmfront/sigv4"
	"github.com/warmfront/warmfront/wan"
)

// OriginConfig is what an Origin is started with.
type OriginConfig struct {
	NodeConfig
	Account string
	Region  string // --region: of buckets, and so where they are
	Listen  string // another address than Addr for S3; "" is Addr
}

// Origin is the program of the bundled object store.
type Origin struct {
	*member
	server    *origin.Server
	listeners []net.Listener
	made      madeKeys
}

// NewOrigin listens; Run serves.
func NewOrigin(cfg OriginConfig) (_ *Origin, err error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	if cfg.Account == "" {
		cfg.Account = DefaultAccount
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	if cfg.Listen == "" {
		cfg.Listen = cfg.listenAddr(cfg.Ports.S3)
	}
	o := &Origin{}
	defer func() {
		if err != nil {
			err = errors.Join(err, o.Close())
		}
	}()
	if o.member, err = newMember(cfg.NodeConfig, cfg.describe("origin-1", cdn.RoleOrigin), nil, nil, nil); err != nil {
		return nil, err
	}
	w := cfg.world()
	if err := o.listenRelay(w.region(cfg.Region)); err != nil {
		return nil, err
	}
	o.server, err = origin.New(origin.Config{
		Addr: cfg.Listen, Dir: cfg.Folder.Join("buckets"), Keys: o, Account: cfg.Account, Region: cfg.Region,
		Logger: cfg.Log, Now: time.Now, Wrap: func(h http.Handler) http.Handler {
			return tracing.Handler(cfg.Traces.Tracer("origin", o.node.ID), cfg.Sandbox || cfg.BelieveTraces, h, bucketOf)
		},
		WrapListener: func(l net.Listener) net.Listener {
			l = wan.Listen(cfg.gate.Listener(l), w.nodes(w.region(cfg.Region), cfg.gate), wan.Options{Wrap: cfg.Sandbox})
			o.listeners = append(o.listeners, l)
			return l
		},
	})
	if err != nil {
		return nil, ports.ExplainTaken(err)
	}
	return o, nil
}

// bucketOf is what a span tells of a request to the store.
func bucketOf(r *http.Request) []span.Attribute {
	bucket, _ := address.Bucket(r.Host, nil)
	key := strings.TrimPrefix(r.URL.Path, "/")
	if bucket == "" {
		bucket, key, _ = strings.Cut(key, "/")
	}
	return []span.Attribute{span.String("aws.s3.bucket", bucket), span.String("aws.s3.key", key)}
}

// Lookup finds a key: the account's first and the one that edges sign with control
// handed over; of others the journal says that there are, and control the secret.
func (o *Origin) Lookup(id string) (origin.Key, bool) {
	settings := o.client.Settings()
	for name, access := range map[string]bool{settingAccess: false, settingOriginSign: true} {
		if k, err := parseKey(settings[name]); err == nil && k.ID == id {
			return origin.Key{Key: sigv4.Key{Secret: k.Secret}, OriginAccess: access}, true
		}
	}
	return o.made.lookup(o.client, id)
}

// madeKeys are the secrets of access keys that were made after the first. What is
// asked of control is bounded by the keys that there are, whatever strangers guess.
type madeKeys struct {
	mu      sync.Mutex
	secrets map[string]string
}

func (m *madeKeys) lookup(c *client.Client, id string) (origin.Key, bool) {
	r := c.State().Resource(cdn.ResourceAccessKey, id)
	m.mu.Lock()
	defer m.mu.Unlock()
	if r == nil {
		delete(m.secrets, id)
		return origin.Key{}, false
	}
	doc, err := account.ParseAccessKey(r.Document)
	if err != nil {
		return origin.Key{}, false
	}
	secret := m.secrets[id]
	if secret == "" {
		if secret, err = c.Secret(context.Background(), cdn.ResourceAccessKey, id); err != nil {
			return origin.Key{}, false
		}
		if m.secrets == nil {
			m.secrets = map[string]string{}
		}
		m.secrets[id] = secret
	}
	return origin.Key{Key: sigv4.Key{Secret: secret}, Denied: !doc.Allows("s3")}, true
}

// Endpoint is the store's URL.
func (o *Origin) Endpoint() string { return fmt.Sprintf("http://%s", o.server.Addr()) }

// Run serves until ctx ends, then lets requests in flight finish.
func (o *Origin) Run(ctx context.Context) error {
	return o.run(ctx, "s3", drained{o.server, &o.listeners}, []string{"s3"})
}

// Close ends everything at once.
func (o *Origin) Close() error {
	if o.member == nil {
		return nil
	}
	if o.server == nil {
		return o.close()
	}
	return o.close(o.server)
}
