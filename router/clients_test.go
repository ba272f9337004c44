package router

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// TestClients asks by the field's own tools, which judge answers by themselves: dig
// says whether a cookie is good, kdig whether a message is malformed.
func TestClients(t *testing.T) {
	r, _ := serve(t, func(c *Config) {
		withHTTPS(t)(c)
		named(c)
		c.Now = nil
		c.AliasZones = []string{"elsewhere.example"}
	})
	type asked struct{ args, want []string }
	both := []asked{
		{[]string{"dall.warmfront.test", "TYPE65"}, []string{"NOERROR", "HTTPS\t1 .", "port=8443", "ipv4hint=" + edgeAddr(t, "FRA")}},
		{[]string{"_8443._https.dall.warmfront.test", "TYPE65"}, []string{"HTTPS\t1 dall.warmfront.test.", "ipv4hint="}},
		{[]string{"_8444._https.dall.warmfront.test", "TYPE65"}, []string{"NXDOMAIN", "SOA\t"}},
		{[]string{"dall.warmfront.test", "+nsid"}, []string{"NSID", "router-1"}},
		{[]string{"elsewhere.example", "NS"}, []string{"ns1.warmfront.test.", "127.0.0.53"}},
		{[]string{"www.elsewhere.example"}, []string{"NOERROR", edgeAddr(t, "FRA")}},
	}
	for tool, own := range map[string][]asked{
		"dig": {
			{[]string{"version.bind", "CH", "TXT", "+norec"}, []string{`CH	TXT	"Warmfront test"`}},
			{[]string{"dall.warmfront.test", "+cookie"}, []string{"COOKIE: ", "(good)"}},
			{[]string{"dall.warmfront.test", "+cookie", "+tcp", "+keepalive"}, []string{"(good)", "TCP KEEPALIVE: 10.0 secs"}},
			{[]string{"dall.warmfront.test", "+cookie=0102"}, []string{"FORMERR"}},
		},
		"kdig": {
			{[]string{"version.bind", "CH", "TXT", "+norec"}, []string{`CH	TXT	"Warmfront test"`}},
			{[]string{"dall.warmfront.test", "+cookie"}, []string{"COOKIE: ", "NOERROR"}},
			{[]string{"dall.warmfront.test", "+cookie=0102030405060708"}, []string{"COOKIE: 0102030405060708"}},
			{[]string{"dall.warmfront.test", "+subnet=203.0.113.0/24"}, []string{"CLIENT-SUBNET: 203.0.113.0/24/", edgeAddr(t, "NRT")}},
			{[]string{"dall.warmfront.test", "+subnet=203.0.113.0/24", "+tcp", "+keepopen"}, []string{edgeAddr(t, "NRT")}},
		},
	} {
		t.Run(tool, func(t *testing.T) {
			path, err := exec.LookPath(tool)
			if err != nil {
				t.Skip(tool + " is not installed")
			}
			for _, c := range append(own, both...) {
				args := append([]string{"@127.0.0.1", "-p", strconv.Itoa(int(r.Addr().Port()))}, c.args...)
				out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
				said := strings.ReplaceAll(string(out), "WARNING: recursion requested but not available", "")
				if err != nil || strings.Contains(strings.ToUpper(said), "WARNING") {
					t.Errorf("%s %v: %v\n%s", tool, c.args, err, out)
				}
				for _, want := range c.want {
					if !strings.Contains(string(out), want) {
						t.Errorf("%s %v: no %q in\n%s", tool, c.args, want, out)
					}
				}
			}
			out, _ := exec.CommandContext(t.Context(), path, "@127.0.0.1", "-p", strconv.Itoa(int(r.Addr().Port())), "warmfront.test", "AXFR").CombinedOutput()
			if said := strings.ToLower(string(out)); !strings.Contains(said, "transfer failed") && !strings.Contains(said, "refused") {
				t.Errorf("a transfer: %s", out)
			}
		})
	}
}
