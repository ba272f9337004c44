package router

import (
	"testing"

	"github.com/miekg/dns"
)

// TestCAA follows RFC 8659: the records are at the apex, and names below that have
// none are NODATA, upon which an authority looks further up.
func TestCAA(t *testing.T) {
	r := newRouter(t, func(c *Config) { c.CAA = []string{`0 issue "ca.example.net"`, `128 issuewild ";"`} })
	mark(r)
	m := wireAnswer(t, r, pack(t, question("warmfront.test.", dns.TypeCAA)), UDP)
	compare(t, "answer", m.Answer, []string{
		`warmfront.test. 3600 IN CAA 0 issue "ca.example.net"`, `warmfront.test. 3600 IN CAA 128 issuewild ";"`,
	})
	m = wireAnswer(t, r, pack(t, question("dall.warmfront.test.", dns.TypeCAA)), UDP)
	if m.Rcode != 0 || len(m.Answer) != 0 || len(m.Ns) != 1 {
		t.Errorf("below: %v", m)
	}
	for _, bad := range []string{"", "issue", `0 issue`, "x y z", "0 issue \"a\"\nwarmfront.test. A 192.0.2.1", "300 issue \"a\""} {
		cfg, err := Config{Zone: testZone, Listen: "127.0.0.1:0", State: r.cfg.State, Locate: r.cfg.Locate, CAA: []string{bad}}.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := newZone(cfg); err == nil {
			t.Errorf("%q is taken for a CAA record", bad)
		}
	}
}
