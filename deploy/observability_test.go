package deploy

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/warmfront/warmfront/geo"
)

// TestPrometheusScrapesEveryNode of compose.yaml, and says of each edge where it is.
func TestPrometheusScrapesEveryNode(t *testing.T) {
	config, err := os.ReadFile("observability/prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	scraped := 0
	for _, s := range services(t) {
		want := fmt.Sprintf("%q", value(`ipv4_address: (\S+)`, s.text)+":9100")
		switch kind, _, _ := strings.Cut(s.name, "-"); kind {
		case "edge", "regional":
			pop, _ := geo.BundledCatalogue().ByCode(value(`--pop, ([A-Z]{3})`, s.text))
			want = fmt.Sprintf("[%s]\n        labels: {pop: %s, price_region: %s}", want, pop.Code, pop.PriceRegion)
		case "router", "control", "origin":
		default:
			continue
		}
		scraped++
		if !strings.Contains(string(config), want) {
			t.Errorf("%s is not scraped as %s", s.name, want)
		}
	}
	if got := strings.Count(string(config), ":9100"); got != scraped {
		t.Errorf("%d targets, want %d", got, scraped)
	}
}

// TestPricesAreThoseOfTheCatalogue, each of them.
func TestPricesAreThoseOfTheCatalogue(t *testing.T) {
	rules, err := os.ReadFile("observability/prices.yml")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`record: warmfront:price_usd_per_(\w+), expr: vector\(([\d.]+)\), labels: \{price_region: ([\w-]+)\}`).FindAllStringSubmatch(string(rules), -1)
	regions := map[string]int{}
	for _, m := range found {
		price, ok := geo.BundledCatalogue().Price(m[3])
		got, err := strconv.ParseFloat(m[2], 64)
		want := map[string]float64{"gb": price.PerGB, "10k_http": price.Per10kHTTP, "10k_https": price.Per10kHTTPS}[m[1]]
		if err != nil || !ok || got != want {
			t.Errorf("%s: want %v", m[0], want)
		}
		regions[m[3]]++
	}
	for _, p := range geo.BundledCatalogue().Metro() {
		if regions[p.PriceRegion] != 3 && p.PriceRegion != "" {
			t.Errorf("%d prices of %s, want 3", regions[p.PriceRegion], p.PriceRegion)
		}
	}
}
