package tier

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/origins"
)

// line is a world on a line: places by their distance from its beginning.
var line = map[string]float64{
	"IAD": 0, "us-east-1": 0, "JFK": 3, "LHR": 50, "eu-west-2": 50, "FRA": 60, "eu-central-1": 60, "VIE": 64, "BOM": 120, "ap-south-1": 120, "NRT": 180,
}

func far(a, b string) float64 {
	x, ok := line[a]
	y, ok2 := line[b]
	if !ok || !ok2 {
		return math.Inf(1)
	}
	return math.Abs(x - y)
}

// registry makes a network of nodes: "FRA-1" is an edge, "FRA-R1 eu-central-1" of a
// regional edge cache.
func registry(ids ...string) map[string]cdn.Node {
	nodes := map[string]cdn.Node{}
	for _, id := range ids {
		var region string
		if _, err := fmt.Sscanf(id, "%s %s", &id, &region); err != nil {
			region = ""
		}
		nodes[id] = cdn.Node{ID: id, Role: cdn.RoleEdge, POP: id[:3], Regional: region, PeerPort: 7947}
	}
	return nodes
}

// TestCloudFrontsRoute holds the code to beliefs 106 and 107.
func TestCloudFrontsRoute(t *testing.T) {
	edges := []string{"IAD-1", "JFK-1", "FRA-1", "VIE-1", "BOM-1", "NRT-1"}
	regional := append(slices.Clone(edges), "IAD-R1 us-east-1", "FRA-R1 eu-central-1", "BOM-R1 ap-south-1")
	for _, c := range []struct {
		name   string
		nodes  []string
		self   string
		shield string
		down   []string
		want   string
	}{
		{"neither regional caches nor a shield", edges, "VIE-1", "", nil, ""},
		{"the nearest regional cache", regional, "VIE-1", "", nil, "regional FRA-R1"},
		{"another one's nearest", regional, "NRT-1", "", nil, "regional BOM-R1"},
		{"then the shield", regional, "VIE-1", "us-east-1", nil, "regional FRA-R1, shield IAD-R1"},
		{"the regional cache is the shield", regional, "VIE-1", "eu-central-1", nil, "regional FRA-R1"},
		{"a regional cache asks the shield", regional, "FRA-R1", "us-east-1", nil, "shield IAD-R1"},
		{"the shield asks the origin", regional, "IAD-R1", "us-east-1", nil, ""},
		{"a regional cache without a shield asks the origin", regional, "FRA-R1", "", nil, ""},
		{"a region that does not run: the nearest that does", regional, "VIE-1", "eu-west-2", nil, "regional FRA-R1"},
		{"its regional cache is down", regional, "VIE-1", "us-east-1", []string{"FRA-R1"}, "regional BOM-R1, shield IAD-R1"},
		{"the shield is down: the next", regional, "NRT-1", "us-east-1", []string{"IAD-R1"}, "regional BOM-R1, shield FRA-R1"},
		{"no regional caches: edges are the shield", edges, "NRT-1", "eu-west-2", nil, "shield FRA-1"},
		{"the edge that is it", edges, "FRA-1", "eu-west-2", nil, ""},
		{"which is down", edges, "NRT-1", "eu-west-2", []string{"FRA-1"}, "shield VIE-1"},
		{"a region that nobody knows", regional, "VIE-1", "xx-new-1", nil, "regional FRA-R1"},
		{"several nodes in the city, one of which owns the key", append([]string{"VIE-2", "VIE-3"}, regional...), "VIE-1", "us-east-1", nil, "peer VIE-2, regional FRA-R1, shield IAD-R1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			nodes := registry(c.nodes...)
			got := ""
			for _, tier := range CloudFront(far)(Asking{
				Self: nodes[c.self], Nodes: nodes, Up: func(id string) bool { return !slices.Contains(c.down, id) },
				Origin: &origins.Origin{Shield: c.shield}, Key: "c",
			}) {
				if got != "" {
					got += ", "
				}
				got += tier.Level.String() + " " + tier.Node.ID
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestBucketsBesideARegionalCache (belief 469): an edge location does not ask the regional
// edge cache that is in the bucket's own region; others do, and a shield stays one.
func TestBucketsBesideARegionalCache(t *testing.T) {
	nodes := registry("VIE-1", "BOM-1", "IAD-R1 us-east-1", "FRA-R1 eu-central-1", "BOM-R1 ap-south-1")
	for _, c := range []struct{ self, domain, shield, want string }{
		{"VIE-1", "demo.s3.eu-central-1.amazonaws.com", "", ""},
		{"VIE-1", "a.b.s3-eu-central-1.amazonaws.com", "", ""},
		{"BOM-1", "demo.s3.eu-central-1.amazonaws.com", "", "regional BOM-R1"},
		{"VIE-1", "demo.s3.us-east-1.amazonaws.com", "", "regional FRA-R1"},
		{"VIE-1", "demo.s3.amazonaws.com", "", "regional FRA-R1"},
		{"VIE-1", "s3.test", "", "regional FRA-R1"},
		{"VIE-1", "demo.s3.eu-central-1.amazonaws.com", "us-east-1", "shield IAD-R1"},
		{"VIE-1", "demo.s3.eu-central-1.amazonaws.com", "eu-central-1", "regional FRA-R1"},
	} {
		got := ""
		for _, tier := range CloudFront(far)(Asking{
			Self: nodes[c.self], Nodes: nodes, Up: func(string) bool { return true },
			Origin: &origins.Origin{Kind: origins.S3, Domain: c.domain, Shield: c.shield}, Key: "c",
		}) {
			got += tier.Level.String() + " " + tier.Node.ID
		}
		if got != c.want {
			t.Errorf("%s, %s, shield %q: %q, want %q", c.self, c.domain, c.shield, got, c.want)
		}
	}
	if r := CloudFront(far)(Asking{Self: nodes["VIE-1"], Nodes: nodes, Up: func(string) bool { return true }, Origin: &origins.Origin{Domain: "demo.s3.eu-central-1.amazonaws.com"}}); len(r) != 1 {
		t.Errorf("a custom origin of such a name: %v", r)
	}
	for host, want := range map[string]string{"b.s3.amazonaws.com": "us-east-1", "b.s3-us-west-2.amazonaws.com": "us-west-2", "x.eu-west-1.elb.amazonaws.com": "", "origin.test": "", ".amazonaws.com": ""} {
		if got := bucketRegion(host); got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
}

// TestOriginShield (beliefs 461 and 462): whom is asked for what no other cache is.
func TestOriginShield(t *testing.T) {
	edges := []string{"FRA-1", "VIE-1", "NRT-1"}
	regional := append(slices.Clone(edges), "IAD-R1 us-east-1", "FRA-R1 eu-central-1")
	for _, c := range []struct {
		name         string
		nodes        []string
		self, shield string
		down         string
		want         string
	}{
		{"none", regional, "VIE-1", "", "", ""},
		{"the regional cache of its region", regional, "NRT-1", "eu-central-1", "", "FRA-R1"},
		{"also where that is the asker's own regional cache", regional, "VIE-1", "eu-central-1", "", "FRA-R1"},
		{"the asker", regional, "FRA-R1", "eu-central-1", "", ""},
		{"it is down: the next", regional, "VIE-1", "eu-central-1", "FRA-R1", "IAD-R1"},
		{"no regional cache runs: edges are", edges, "NRT-1", "eu-west-2", "", "FRA-1"},
	} {
		nodes, got := registry(c.nodes...), ""
		for _, tier := range OriginShield(far)(Asking{Self: nodes[c.self], Nodes: nodes, Up: func(id string) bool { return id != c.down }, Origin: &origins.Origin{Shield: c.shield}, Key: "c"}) {
			got += tier.Node.ID
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestNobodyIsWaitedForInACircle: whatever each node believes to be up, levels rise, and
// of two nodes that hold one another for what is above them one does not.
func TestNobodyIsWaitedForInACircle(t *testing.T) {
	nodes := registry("IAD-1", "FRA-1", "FRA-2", "VIE-1", "NRT-1", "IAD-R1 us-east-1", "FRA-R1 eu-central-1", "FRA-R2 eu-central-1", "BOM-R1 ap-south-1")
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		if round == 150 { // edges are the shield
			nodes = registry("IAD-1", "FRA-1", "FRA-2", "VIE-1", "NRT-1", "BOM-1")
		}
		ask := map[string][]string{} // for one key
		for id, self := range nodes {
			up := map[string]bool{}
			for other := range nodes {
				up[other] = random.IntN(3) > 0
			}
			last := Viewer
			for _, tier := range CloudFront(far)(Asking{Self: self, Nodes: nodes, Up: func(id string) bool { return up[id] }, Origin: &origins.Origin{Shield: "eu-west-2"}, Key: fmt.Sprint(round)}) {
				if tier.Level <= last || tier.Node.ID == id {
					t.Fatalf("%s asks %s as %v after %v", id, tier.Node.ID, tier.Level, last)
				}
				if last = tier.Level; last == Shield {
					ask[id] = append(ask[id], tier.Node.ID)
				}
			}
		}
		for a, shields := range ask {
			for _, b := range shields {
				if slices.Contains(ask[b], a) {
					t.Fatalf("%s and %s hold one another for the shield", a, b)
				}
			}
		}
	}
}
