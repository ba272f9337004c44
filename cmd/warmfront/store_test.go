package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/control/ca"
)

func TestParseStore(t *testing.T) {
	dir := t.TempDir()
	pem := filepath.Join(dir, "ca.pem")
	a, err := ca.Open(ca.Config{Keep: ca.Folder(dir), Zone: "warmfront.test"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(pem, a.ViewerPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, address, ca, cert, key string
		sandbox                      bool
		endpoints                    []string
		prefix, err                  string
	}{
		{name: "one", address: "etcd://127.0.0.1:2379", endpoints: []string{"127.0.0.1:2379"}},
		{name: "several", address: "etcd://a:1,b:2/net", sandbox: true, endpoints: []string{"a:1", "b:2"}, prefix: "/net"},
		{name: "IPv6", address: "etcd://[::1]:2379/", endpoints: []string{"[::1]:2379"}},
		{name: "TLS", address: "etcd://a:1", ca: pem, endpoints: []string{"a:1"}},
		{name: "in the clear", address: "etcd://a:1", err: "--store-ca"},
		{name: "one in the clear", address: "etcd://127.0.0.1:1,a:1", err: "--store-ca"},
		{name: "another scheme", address: "http://a:1", err: "write etcd://"},
		{name: "no host", address: "etcd:///net", err: "write etcd://"},
		{name: "no port", address: "etcd://a", err: "a:2379"},
		{name: "a password", address: "etcd://u:p@a:1", err: "write etcd://"},
		{name: "a certificate alone", address: "etcd://a:1", ca: pem, cert: pem, err: "--store-key"},
		{name: "no such file", address: "etcd://a:1", ca: filepath.Join(dir, "none"), err: "--store-ca"},
		{name: "no certificate", address: "etcd://a:1", ca: filepath.Join(dir, "node-ca.key"), err: "--store-ca"},
		{name: "no pair", address: "etcd://a:1", cert: pem, key: pem, err: "--store-cert"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseStore(test.address, test.ca, test.cert, test.key, test.sandbox)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("got %v, want an error that names %s", err, test.err)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got.Endpoints, test.endpoints) || got.Prefix != test.prefix || (got.TLS != nil) != (test.ca != "") {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}
