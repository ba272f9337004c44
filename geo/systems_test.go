package geo

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/maxmind/mmdbwriter/mmdbtype"
)

func TestSystems(t *testing.T) {
	write := func(content []byte) string {
		path := filepath.Join(t.TempDir(), "asn.mmdb")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	maxmind := mmdbtype.Map{"autonomous_system_number": mmdbtype.Uint32(64496), "autonomous_system_organization": mmdbtype.String("One")}
	for name, c := range map[string]struct {
		version int
		records map[string]mmdbtype.Map
		address string
		want    uint32
	}{
		"a number":             {6, map[string]mmdbtype.Map{"45.0.0.0/8": maxmind}, "45.1.2.7", 64496},
		"IPv4 in IPv6":         {6, map[string]mmdbtype.Map{"45.0.0.0/8": maxmind}, "::ffff:45.1.2.7", 64496},
		"IPv6":                 {6, map[string]mmdbtype.Map{"2a00::/32": maxmind}, "2a00::1", 64496},
		"an unknown address":   {6, map[string]mmdbtype.Map{"2a00::/32": maxmind}, "45.1.2.7", 0},
		"IPv6, and there none": {4, map[string]mmdbtype.Map{"45.0.0.0/8": maxmind}, "2a00::1", 0},
		"a name":               {4, map[string]mmdbtype.Map{"45.0.0.0/8": {"asn": mmdbtype.String("AS4294967295")}}, "45.1.2.7", 4294967295},
		"no name": {4, map[string]mmdbtype.Map{"1.0.0.0/8": {"asn": mmdbtype.String("AS1")}, "45.0.0.0/8": {"asn": mmdbtype.String("ASx")}},
			"45.1.2.7", 0},
	} {
		n, err := OpenSystems(write(database(t, "ASN", c.version, c.records)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := n.Number(netip.MustParseAddr(c.address)); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	for name, content := range map[string][]byte{
		"nonsense": []byte("x"), "a database of cities": database(t, "city ipv4", 4, map[string]mmdbtype.Map{"45.0.0.0/8": flat("DE", "", "Berlin", 52, 13)}),
	} {
		if _, err := OpenSystems(write(content)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	none, err := OpenSystems("")
	if n := none.Number(netip.MustParseAddr("45.1.2.7")); n != 0 || err != nil {
		t.Errorf("%d, and there is no database: %v", n, err)
	}
}
