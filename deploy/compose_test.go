// Package deploy holds what runs Warmfront elsewhere than in one process; its tests hold the files to the catalogue.
package deploy

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/warmfront/warmfront/geo"
)

// A service of compose.yaml, as far as these tests read it. The file is read by its indentation: what follows
// "  name:" at the depth of services, up to the next.
type service struct{ name, text string }

func services(t *testing.T) []service {
	t.Helper()
	content, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(content), "\nservices:\n")
	text, _, _ = strings.Cut(text, "\nnetworks:\n")
	heads := regexp.MustCompile(`(?m)^  ([a-z0-9-]+):`).FindAllStringSubmatchIndex(text, -1)
	var found []service
	for i, h := range heads {
		end := len(text)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		found = append(found, service{text[h[2]:h[3]], text[h[1]:end]})
	}
	return found
}

func value(pattern, text string) string {
	if m := regexp.MustCompile(pattern).FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// DNS answers with these addresses and the geo database maps them to cities: one that is off by a POP sends viewers to
// the wrong place without any error.
func TestAddressesAreThoseOfTheCities(t *testing.T) {
	catalogue := geo.BundledCatalogue()
	edges, viewers, regional := 0, 0, map[string]bool{}
	for _, s := range services(t) {
		address := value(`ipv4_address: (\S+)`, s.text)
		if env := value(`WARMFRONT_ADDR: (\S+)`, s.text); env != "" && env != address {
			t.Errorf("%s: the node is told %s and has %s", s.name, env, address)
		}
		switch {
		case strings.HasPrefix(s.name, "edge-"):
			edges++
			code := value(`--pop, ([A-Z]{3})`, s.text)
			if !strings.EqualFold(s.name, "edge-"+code) {
				t.Errorf("%s runs --pop %s", s.name, code)
			}
			pop, ok := catalogue.ByCode(code)
			if want := fmt.Sprintf("10.77.%d.11", pop.N); !ok || address != want {
				t.Errorf("%s has %s, want %s", s.name, address, want)
			}
			regional[catalogue.NearestRegional(pop).Code] = false
		case strings.HasPrefix(s.name, "regional-"):
			code := value(`--regional, --pop, ([A-Z]{3})`, s.text)
			pop, ok := catalogue.ByCode(code)
			if want := fmt.Sprintf("10.77.%d.51", pop.N); !ok || pop.Region == "" || address != want || !strings.EqualFold(s.name, "regional-"+code) || !strings.Contains(s.text, "profiles: [regional]") {
				t.Errorf("%s runs --pop %s at %s, want %s", s.name, code, address, want)
			}
			regional[code] = true
		case strings.HasPrefix(s.name, "viewer-"):
			viewers++
			city := strings.TrimPrefix(strings.SplitN(s.text, "\n", 2)[0], " # ")
			pop, err := catalogue.ByName(city)
			if want := fmt.Sprintf("10.77.%d.100", pop.N); err != nil || address != want {
				t.Errorf("%s in %s has %s, want %s (%v)", s.name, city, address, want, err)
			}
		case !strings.HasPrefix(address, "10.77.0."):
			t.Errorf("%s has %q, want one of 10.77.0.x, the services without a place", s.name, address)
		}
	}
	for code, runs := range regional { // edges come before them
		if !runs {
			t.Errorf("an edge asks the regional edge cache in %s, which does not run", code)
		}
	}
	if edges != 12 || viewers != 6 {
		t.Errorf("%d edges and %d viewers, want 12 and 6", edges, viewers)
	}
}

// The sandbox's keys are on the machine that runs it; nothing else may reach it.
func TestPortsArePublishedOnLoopbackOnly(t *testing.T) {
	published := 0
	for _, s := range services(t) {
		for _, m := range regexp.MustCompile(`(?m)^      - "([^"]+:\d+(?:/\w+)?)"$`).FindAllStringSubmatch(s.text, -1) {
			published++
			if !strings.HasPrefix(m[1], "127.0.0.1:") {
				t.Errorf("%s publishes %s", s.name, m[1])
			}
		}
	}
	if published != 7 {
		t.Errorf("found %d published ports, want 7", published)
	}
}
