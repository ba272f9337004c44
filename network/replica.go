package network

import (
	"crypto/tls"
	"crypto/x509"
	"net/url"

	"github.com/warmfront/warmfront/control"
	"github.com/warmfront/warmfront/control/store"
	"github.com/warmfront/warmfront/network/standby"
)

// StoreConfig is the etcd cluster that several controls share.
type StoreConfig struct {
	Endpoints []string // host:port
	Prefix    string
	TLS       *tls.Config // nil for connections in the clear
}

// newReplica makes this control one of several.
func (c *Control) newReplica() error {
	shared, err := store.OpenEtcd(store.EtcdConfig{
		Endpoints: c.cfg.Store.Endpoints, Prefix: c.cfg.Store.Prefix, TLS: c.cfg.Store.TLS, Secret: c.cfg.Secret,
	})
	if err != nil {
		return err
	}
	c.replica, err = control.NewReplica(control.ReplicaConfig{
		Control: c.coreConfig(), Store: shared, API: c.Endpoint(),
		Leading: func(core *control.Control) error {
			if core == nil {
				c.serving.Store(nil)
				return nil
			}
			return c.lead(core)
		},
		Standing: c.stand,
	})
	return err
}

// stand makes what is asked of this control the leader's.
func (c *Control) stand(s *control.Standby, leader store.Leader) {
	if c.standing == s && c.leader == leader.Reign {
		return
	}
	if c.standing != s {
		if err := c.writeCA(s.ViewerCA()); err != nil {
			c.cfg.Log.Error("the CA certificate is not written", "err", err)
		}
	}
	to, err := url.Parse(leader.API)
	if err != nil || to.Host == "" {
		c.cfg.Log.Error("the leader has no address", "leader", leader.ID, "api", leader.API)
		return
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.ViewerCA())
	c.standing, c.leader = s, leader.Reign
	c.cfg.Log.Info("another control leads", "leader", leader.ID, "api", leader.API)
	c.serving.Store(&service{standby.Forward(to, &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: roots, ServerName: "control." + c.cfg.Zone,
	}, c.cfg.ID), s.APICertificate})
}
