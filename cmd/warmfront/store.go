package main

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/warmfront/warmfront/cmd/warmfront/cli"
	"github.com/warmfront/warmfront/control/ca"
	"github.com/warmfront/warmfront/network"
)

// storeFlags say where control's journal is, if not in its folder.
type storeFlags struct{ address, ca, cert, key string }

func (f *storeFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.address, "store", "", "etcd that several controls share, etcd://HOST:2379,HOST:2379[/PREFIX] (default: a file in --data, for one control)")
	flags.StringVar(&f.ca, "store-ca", "", "file with the CA certificate that etcd's members are known by")
	flags.StringVar(&f.cert, "store-cert", "", "file with the certificate that control shows to etcd")
	flags.StringVar(&f.key, "store-key", "", "file with its key")
}

// parse returns nil where the journal is in control's folder.
func (f *storeFlags) parse(g *cli.Global, id string, sandbox bool) (*network.StoreConfig, error) {
	switch {
	case f.address == "" && cmp.Or(f.ca, f.cert, f.key) != "":
		return nil, errors.New("--store-ca, --store-cert and --store-key are for --store etcd://HOST:2379, which is missing")
	case f.address == "":
		return nil, nil //nolint:nilnil // a file in control's folder, the default
	case id == "":
		return nil, errors.New("--id is needed with --store: the controls that share it have names of their own, control-1, control-2 and so on")
	case g.KeyFile == "":
		return nil, errors.New("--access-key-file is needed with --store: all controls that share it admit the same key (copy the file access-key of one's folder)")
	}
	return parseStore(f.address, f.ca, f.cert, f.key, sandbox)
}

// parseStore reads --store, "etcd://HOST:PORT,HOST:PORT/PREFIX", and the files of
// --store-ca, --store-cert and --store-key, "" for none. In a sandbox, and on
// loopback, etcd may be called in the clear.
func parseStore(address, authority, cert, key string, sandbox bool) (*network.StoreConfig, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "etcd" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("--store %q: write etcd://HOST:2379,HOST:2379 with all members, and /PREFIX after it if several networks share the cluster", address)
	}
	cfg := &network.StoreConfig{Endpoints: strings.Split(u.Host, ","), Prefix: u.Path}
	if cfg.Prefix == "/" {
		cfg.Prefix = ""
	}
	loopback := true
	for _, e := range cfg.Endpoints {
		host, _, err := net.SplitHostPort(e)
		if err != nil {
			return nil, fmt.Errorf("--store: the member %q needs a port, such as %s:2379", e, e)
		}
		ip, err := netip.ParseAddr(host)
		loopback = loopback && (host == "localhost" || err == nil && ip.IsLoopback())
	}
	if (cert == "") != (key == "") {
		return nil, errors.New("--store-cert and --store-key belong together: give both, or neither")
	}
	if authority == "" && cert == "" {
		if !sandbox && !loopback {
			return nil, errors.New("whoever reaches etcd in the clear can rewrite the network: give --store-ca, with --store-cert and --store-key (or --sandbox, where nobody else does)")
		}
		return cfg, nil
	}
	cfg.TLS, err = storeTLS(authority, cert, key)
	return cfg, err
}

func storeTLS(authority, cert, key string) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if authority != "" {
		doc, err := os.ReadFile(authority) //nolint:gosec // the operator names it
		if err != nil {
			return nil, fmt.Errorf("--store-ca: %w", err)
		}
		if cfg.RootCAs, err = ca.Pool(doc); err != nil {
			return nil, fmt.Errorf("--store-ca %s: %w", authority, err)
		}
	}
	if cert != "" {
		// Read for each connection: it may have been renewed.
		read := func() (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(cert, key)
			return &pair, err
		}
		if _, err := read(); err != nil {
			return nil, fmt.Errorf("--store-cert and --store-key: %w", err)
		}
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return read() }
	}
	return cfg, nil
}
