package control_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control"
	"github.com/warmfront/warmfront/control/ca"
	"github.com/warmfront/warmfront/control/client"
	"github.com/warmfront/warmfront/control/wire"
	"github.com/warmfront/warmfront/journal"
)

// notReady runs a node for a while and returns why it is not ready.
func (c *cluster) notReady(n cdn.Node, alter ...func(*client.Config)) error {
	c.t.Helper()
	r := run(c.t, c.newNode(n, alter...))
	ctx, cancel := context.WithTimeout(c.t.Context(), 5*time.Second)
	defer cancel()
	err := r.d.Ready(ctx)
	r.stop(c.t)
	if err == nil {
		c.t.Errorf("%s was admitted", n.ID)
		return fmt.Errorf("no error")
	}
	return err
}

func TestWhoIsNotAdmitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.startControl()
		err := c.notReady(edgeNode("FRA", 1), func(cfg *client.Config) { cfg.Secret = []byte("another cluster's secret") })
		if !strings.Contains(err.Error(), "cluster secret") {
			t.Errorf("a wrong secret: %v", err)
		}
		addr := netip.MustParseAddr("127.0.0.9")
		for name, n := range map[string]cdn.Node{
			"control's name":     {ID: "control-2", Role: cdn.RoleOrigin, Addr: addr},
			"control's role":     {ID: "x", Role: cdn.RoleControl, Addr: addr},
			"no role":            {ID: "x", Addr: addr},
			"no address":         {ID: "x", Role: cdn.RoleRouter},
			"no POP":             {ID: "x", Role: cdn.RoleEdge, K: 1, Addr: addr},
			"no number":          {ID: "x", Role: cdn.RoleEdge, POP: "FRA", Addr: addr},
			"a name with spaces": {ID: "x y", Role: cdn.RoleRouter, Addr: addr},
		} {
			if err := c.notReady(n); !strings.Contains(err.Error(), wire.CodeInvalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		node := c.startNode(edgeNode("FRA", 1))
		other := edgeNode("FRA", 1)
		other.Role = cdn.RoleRouter
		if err := c.notReady(other, func(cfg *client.Config) { cfg.DataDir = "" }); !strings.Contains(err.Error(), "forget it first") {
			t.Errorf("another role under a registered name: %v", err)
		}
		if len(c.ctl.d.NodeStatus()) != 1 {
			t.Errorf("registered: %+v", c.ctl.d.NodeStatus())
		}
		node.stop(t)
		c.ctl.stop(t)
	})
	if _, err := client.New(client.Config{Secret: []byte("short")}); err == nil {
		t.Error("a node starts with a short secret")
	}
	if _, err := control.New(control.Config{Zone: testZone, DataDir: t.TempDir(), Log: newCluster(t).log, Secret: []byte("short")}); err == nil {
		t.Error("control starts with a short secret")
	}
}

// forged is the TLS of somebody who is not control.
func forged(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// TestAManInTheMiddleGainsNothing puts somebody between node and control who ends
// TLS on both sides and hands every byte on.
func TestAManInTheMiddleGainsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.startControl()
		l, err := c.net.listen("tcp", "middle:1")
		if err != nil {
			t.Fatal(err)
		}
		cfg := forged(t)
		var seen bytes.Buffer
		handled := make(chan struct{})
		go func() {
			defer close(handled)
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				passOn(c, tls.Server(conn, cfg), &seen)
			}
		}()
		err = c.notReady(edgeNode("FRA", 1), func(cfg *client.Config) { cfg.Control = []string{"middle:1"} })
		if !strings.Contains(err.Error(), wire.CodeDenied) {
			t.Errorf("the node says %v", err)
		}
		if got := c.ctl.d.NodeStatus(); len(got) != 0 {
			t.Errorf("registered through the middle: %+v", got)
		}
		_ = l.Close()
		<-handled
		if !strings.Contains(seen.String(), "FRA-1") {
			t.Error("the middle saw no join: the test tests nothing")
		}
		c.ctl.stop(t)
	})
}

func passOn(c *cluster, node net.Conn, seen *bytes.Buffer) {
	defer node.Close()
	req, err := http.ReadRequest(bufio.NewReader(node))
	if err != nil {
		return
	}
	body, _ := io.ReadAll(req.Body)
	seen.Write(body)
	conn, err := c.net.dialer("middle")(context.Background(), "tcp", testAddress)
	if err != nil {
		return
	}
	ctl := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	defer ctl.Close()
	req.Body = io.NopCloser(bytes.NewReader(body))
	if req.Write(ctl) != nil {
		return
	}
	resp, err := http.ReadResponse(bufio.NewReader(ctl), req)
	if err != nil {
		return
	}
	_ = resp.Write(node)
}

// TestAnImpostorIsNotBelieved has somebody without the secret answer as control.
func TestAnImpostorIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		l, err := c.net.listen("tcp", testAddress)
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(wire.HeaderMAC, wire.AnswerMAC([]byte("a guess of what the secret is"), nil, nil, nil))
			fmt.Fprint(w, `{"zone":"evil.test"}`)
		})}
		cfg := forged(t)
		go func() { _ = server.Serve(tls.NewListener(l, cfg)) }()
		if err := c.notReady(edgeNode("FRA", 1)); !strings.Contains(err.Error(), "does not know the cluster secret") {
			t.Errorf("the node says %v", err)
		}
		_ = server.Close()
	})
}

// caller makes calls with a node's own certificate.
func (c *cluster) caller(t *testing.T, n *client.Client) *http.Client {
	t.Helper()
	id, ok := n.Identity()
	if !ok {
		t.Fatal("the node has no identity")
	}
	return c.callerWith(id.Dial(ca.IsControl), n.State().Nodes)
}

func (c *cluster) callerWith(cfg *tls.Config, _ map[string]cdn.Node) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := c.net.dialer("test")(ctx, "tcp", testAddress)
		if err != nil {
			return nil, err
		}
		t := tls.Client(conn, cfg)
		return t, t.HandshakeContext(ctx)
	}}}
}

// call returns the code of the error that a call is answered with, or "".
func call(t *testing.T, h *http.Client, method, path, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://control"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := h.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return ""
	}
	var e wire.Error
	if err := json.NewDecoder(resp.Body).Decode(&e); err != nil {
		return resp.Status
	}
	return e.Code
}

func TestWhatACertificateAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.startControl()
		c.distribution("d111.warmfront.test")
		edge, router := c.startNode(edgeNode("FRA", 1)), c.startNode(routerNode(1))
		anonymous := c.callerWith(&tls.Config{InsecureSkipVerify: true}, nil)
		key, err := ca.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		csr, err := ca.NewRequest(key)
		if err != nil {
			t.Fatal(err)
		}
		certificate := func(name string) string {
			doc, _ := json.Marshal(wire.CertificateRequest{Name: name, CSR: string(csr)})
			return string(doc)
		}
		for _, test := range []struct {
			name               string
			caller             *http.Client
			method, path, body string
			want               string
		}{
			{"a certificate for a name that is served", c.caller(t, edge.d), "POST", wire.PathCertificate, certificate("d111.warmfront.test"), ""},
			{"a certificate for another name", c.caller(t, edge.d), "POST", wire.PathCertificate, certificate("control.warmfront.test"), wire.CodeName},
			{"a certificate for all names", c.caller(t, edge.d), "POST", wire.PathCertificate, certificate("*.warmfront.test"), wire.CodeName},
			{"a certificate for a router", c.caller(t, router.d), "POST", wire.PathCertificate, certificate("d111.warmfront.test"), wire.CodeDenied},
			{"a certificate for nobody", anonymous, "POST", wire.PathCertificate, certificate("d111.warmfront.test"), wire.CodeDenied},
			{"no certificate request", c.caller(t, edge.d), "POST", wire.PathCertificate, `{"name":"d111.warmfront.test"}`, wire.CodeInvalid},
			{"the journal for nobody", anonymous, "GET", wire.PathJournal + "?after=0.0", "", wire.CodeDenied},
			{"the journal after nothing", c.caller(t, edge.d), "GET", wire.PathJournal, "", wire.CodeInvalid},
			{"a lease for nobody", anonymous, "POST", wire.PathLease, `{"incarnation":1,"applied":"1.1"}`, wire.CodeDenied},
			{"a lease for an earlier incarnation", c.caller(t, edge.d), "POST", wire.PathLease, `{"incarnation":0,"applied":"1.1"}`, wire.CodeSuperseded},
			{"a lease in another form", c.caller(t, edge.d), "POST", wire.PathLease, `{"applied":1}`, wire.CodeInvalid},
			{"a lease in the last epoch", c.caller(t, edge.d), "POST", wire.PathLease, `{"incarnation":1,"applied":"18446744073709551615.0"}`, wire.CodeInvalid},
			{"a lease of a leader in the last epoch", c.caller(t, edge.d), "POST", wire.PathLease, `{"incarnation":1,"applied":"1.1","seen":{"epoch":18446744073709551615}}`, wire.CodeInvalid},
			{"the journal after the last epoch", c.caller(t, edge.d), "GET", wire.PathJournal + "?after=18446744073709551615.0", "", wire.CodeInvalid},
			{"too much", c.caller(t, edge.d), "POST", wire.PathLease, strings.Repeat(" ", wire.MaxBody+1), wire.CodeInvalid},
			{"an identity for nobody", anonymous, "POST", wire.PathIdentity, certificate(""), wire.CodeDenied},
			{"another method", c.caller(t, edge.d), "GET", wire.PathLease, "", "405 Method Not Allowed"},
			{"another path", c.caller(t, edge.d), "GET", "/", "", "404 Not Found"},
			{"a join without a MAC", anonymous, "POST", wire.PathJoin, `{}`, wire.CodeDenied},
		} {
			if got := call(t, test.caller, test.method, test.path, test.body); got != test.want {
				t.Errorf("%s: answered %q, want %q", test.name, got, test.want)
			}
		}
		if got := c.ctl.d.Head().Epoch; got != 1 {
			t.Errorf("the journal is in epoch %d", got)
		}
		// A call carries no node's name, so a node can only ever speak for itself:
		// the router's calls changed nothing of the edge's standing.
		if err := c.ctl.d.Forget(t.Context(), "router-1"); err != nil {
			t.Fatal(err)
		}
		if got := call(t, c.caller(t, router.d), "GET", wire.PathJournal+"?after=0.0", ""); got != wire.CodeNotRegistered && got != "" {
			t.Errorf("a forgotten node: %q", got)
		}
		c.settles(journal.Completed, c.set("a", "1"))
		edge.stop(t)
		router.stop(t)
		c.ctl.stop(t)
	})
}

// join makes a join call that proves the secret, and returns the code of its error.
func (c *cluster) join(t *testing.T, body string) string {
	t.Helper()
	raw, err := c.net.dialer("test")(t.Context(), "tcp", testAddress)
	if err != nil {
		t.Fatal(err)
	}
	conn := tls.Client(raw, &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true})
	defer conn.Close()
	if err := conn.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	binding, err := wire.Binding(conn.ConnectionState())
	if err != nil {
		t.Fatal(err)
	}
	h := &http.Client{Transport: &http.Transport{
		DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil },
	}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://control"+wire.PathJoin, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	req.Header.Set(wire.HeaderMAC, wire.RequestMAC(testSecret, binding, []byte(body)))
	resp, err := h.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return ""
	}
	var e wire.Error
	if err := json.NewDecoder(resp.Body).Decode(&e); err != nil {
		t.Fatal(err)
	}
	return e.Code
}

func TestAJoinThatIsRefusedRegistersNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.startControl()
		for name, r := range map[string]wire.JoinRequest{
			"no certificate request": {Node: edgeNode("FRA", 1)},
			"no node":                {CSR: "no request"},
		} {
			body, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			if code := c.join(t, string(body)); code != wire.CodeInvalid {
				t.Errorf("%s: answered %q", name, code)
			}
		}
		if got := c.ctl.d.NodeStatus(); len(got) != 0 || c.ctl.d.Head().Number != 0 {
			t.Errorf("registered: %+v, head %v", got, c.ctl.d.Head())
		}
		key, err := ca.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		csr, err := ca.NewRequest(key)
		if err != nil {
			t.Fatal(err)
		}
		body, err := json.Marshal(wire.JoinRequest{Node: edgeNode("FRA", 1), CSR: string(csr)})
		if err != nil {
			t.Fatal(err)
		}
		if code := c.join(t, string(body)); code != "" || len(c.ctl.d.NodeStatus()) != 1 {
			t.Errorf("a whole request: answered %q", code)
		}
		c.ctl.stop(t)
	})
}
