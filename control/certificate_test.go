package control_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control"
	"github.com/warmfront/warmfront/control/client"
	"github.com/warmfront/warmfront/journal"
)

// distribution adds a distribution with a domain name and the alias
// "*.wild.example".
func (c *cluster) distribution(domain string) cdn.Version {
	c.t.Helper()
	v, err := c.ctl.d.Propose(c.t.Context(), func(*cdn.State) ([]cdn.Change, error) {
		change, err := cdn.NewChange(cdn.KindDistributionPut, cdn.Distribution{
			ID: "E1", Domain: domain, Config: `<DistributionConfig><Enabled>true</Enabled>
<Aliases><Quantity>1</Quantity><Items><CNAME>*.wild.example</CNAME></Items></Aliases>
<Origins><Quantity>1</Quantity><Items><Origin><Id>o</Id><DomainName>o.example</DomainName></Origin></Items></Origins>
<DefaultCacheBehavior><TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy>
<CachePolicyId>658327ea-f89d-4fab-a63d-7e88639e58f6</CachePolicyId></DefaultCacheBehavior></DistributionConfig>`,
		}, time.Now())
		return []cdn.Change{change}, err
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

// shown returns the certificate that an edge shows for a name, if the authority
// makes it good.
func shown(t *testing.T, edge *client.Client, authority []byte, sni string) (*x509.Certificate, error) {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		t.Fatal("no authority")
	}
	near, far := newMemnet().pair(way{"viewer", "edge"}, "viewer", "edge")
	defer near.Close()
	var wg sync.WaitGroup
	wg.Go(func() {
		defer far.Close()
		_ = tls.Server(far, &tls.Config{GetCertificate: edge.Certificates().GetCertificate}).Handshake()
	})
	conn := tls.Client(near, &tls.Config{ServerName: sni, RootCAs: pool})
	err := conn.Handshake()
	_ = near.Close()
	wg.Wait()
	if err != nil {
		return nil, err
	}
	return conn.ConnectionState().PeerCertificates[0], nil
}

func TestAnEdgeShowsCertificatesForWhatIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.startControl()
		edge := c.startNode(edgeNode("FRA", 1))
		if _, err := shown(t, edge.d, c.ctl.d.ViewerCA(), "d111.warmfront.test"); err == nil {
			t.Error("a certificate before there is a distribution")
		}
		c.settles(journal.Completed, c.distribution("d111.warmfront.test"))
		first, err := shown(t, edge.d, c.ctl.d.ViewerCA(), "d111.warmfront.test")
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if again, err := shown(t, edge.d, c.ctl.d.ViewerCA(), "d111.warmfront.test"); err != nil || !again.Equal(first) {
					t.Errorf("asked again: another certificate, %v", err)
				}
			})
		}
		wg.Wait()
		if _, err := shown(t, edge.d, c.ctl.d.ViewerCA(), "d111.localhost"); err != nil {
			t.Errorf("localhost: %v", err)
		}
		one, err1 := shown(t, edge.d, c.ctl.d.ViewerCA(), "a.wild.example")
		two, err2 := shown(t, edge.d, c.ctl.d.ViewerCA(), "b.wild.example")
		if err1 != nil || err2 != nil || !one.Equal(two) {
			t.Errorf("a wildcard alias has more than one certificate: %v, %v", err1, err2)
		}
		for _, sni := range []string{"d222.warmfront.test", "control.warmfront.test", "wild.example", ""} {
			if _, err := shown(t, edge.d, c.ctl.d.ViewerCA(), sni); err == nil {
				t.Errorf("a certificate for %q", sni)
			}
		}
		edge.stop(t)
		c.ctl.stop(t)

		// From its disk, and without control, the edge shows what it had.
		edge = run(t, c.newNode(edgeNode("FRA", 1)))
		again, err := shown(t, edge.d, edge.d.ViewerCA(), "d111.warmfront.test")
		if err != nil || !again.Equal(first) {
			t.Errorf("after a restart without control: %v", err)
		}
		edge.stop(t)
	})
}

// TestAliasesArePermittedBeforeTheyAreAskedFor: the authority's certificate, read when a
// distribution is there, verifies what is shown to the first viewer of an alias.
func TestAliasesArePermittedBeforeTheyAreAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.startControl()
		edge := c.startNode(edgeNode("FRA", 1))
		v := c.distribution("d111.warmfront.test")
		authority := c.ctl.d.ViewerCA()
		c.settles(journal.Completed, v)
		if _, err := shown(t, edge.d, authority, "www.wild.example"); err != nil {
			t.Error(err)
		}
		c.distribution("d111.warmfront.test")
		if again := c.ctl.d.ViewerCA(); string(again) != string(authority) {
			t.Error("an alias that was there has the authority's certificate made anew")
		}
		edge.stop(t)
		c.ctl.stop(t)
	})
}

func TestWithoutControlANewNameFailsSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.startControl()
		edge := c.startNode(edgeNode("FRA", 1))
		c.settles(journal.Completed, c.distribution("d111.warmfront.test"))
		ca := c.ctl.d.ViewerCA()
		c.net.setCut("FRA-1", true)
		start := time.Now()
		if _, err := shown(t, edge.d, ca, "d111.warmfront.test"); err == nil || time.Since(start) > 10*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		c.net.setCut("FRA-1", false)
		pass(2 * time.Second)
		if _, err := shown(t, edge.d, ca, "d111.warmfront.test"); err != nil {
			t.Errorf("after the partition: %v", err)
		}
		edge.stop(t)
		c.ctl.stop(t)
	})
}

func TestTheAPICertificate(t *testing.T) {
	c := newCluster(t)
	cfg := c.config()
	cfg.APIAddresses = []net.IP{net.IPv4(10, 77, 0, 10)}
	ctl, err := control.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer ctl.Close()
	cert, err := ctl.APICertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ctl.ViewerCA())
	for _, name := range []string{"control.warmfront.test", "localhost", "127.0.0.1", "::1", "10.77.0.10"} {
		if _, err := cert.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if again, _ := ctl.APICertificate(nil); again != cert {
		t.Error("made anew each time")
	}
}

func TestSecretsAreKeptAndNotInTheJournal(t *testing.T) {
	c := newCluster(t)
	ctl, err := control.New(c.config())
	if err != nil {
		t.Fatal(err)
	}
	if err := ctl.PutSecret("access-key/AKIA", []byte("very secret")); err != nil {
		t.Fatal(err)
	}
	if err := ctl.Close(); err != nil {
		t.Fatal(err)
	}
	if ctl, err = control.New(c.config()); err != nil {
		t.Fatal(err)
	}
	defer ctl.Close()
	if got, err := ctl.Secret("access-key/AKIA"); string(got) != "very secret" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if all, err := ctl.Secrets(); len(all) != 1 || err != nil {
		t.Errorf("got %v, %v", all, err)
	}
	if ctl.Head() != (cdn.Version{Epoch: 1}) {
		t.Errorf("the journal is at %v", ctl.Head())
	}
}
