package network

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestTheDashboardNamesMetricsThatThereAre: each metric in the dashboard and the rules is one
// that a node of a running network has, or a rule makes.
func TestTheDashboardNamesMetricsThatThereAre(t *testing.T) {
	dashboard, err := os.ReadFile("../deploy/observability/grafana/warmfront.json")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := os.ReadFile("../deploy/observability/prices.yml")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(dashboard, &d); err != nil || len(d.Panels) < 10 {
		t.Fatalf("%d panels, %v", len(d.Panels), err)
	}
	u, r, getter := running(t)
	if _, err := getter.Get(t.Context(), "https://"+r.Domain+"/", "NRT", io.Discard); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, addr := range []string{EdgeAddr(120, 1).String(), routerAddr(1).String(), routerAddr(2).String()} {
		client := http.Client{Timeout: 10 * time.Second}
		answer, err := client.Get("http://" + hostPort(addr, u.cfg.Ports.Metrics) + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	name := regexp.MustCompile(`warmfront[_:]\w+`)
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			names := name.FindAllString(target.Expr, -1)
			if len(names) == 0 {
				t.Errorf("%s: no metric in %s", p.Title, target.Expr)
			}
			for _, n := range names {
				if !strings.Contains(all.String(), "\n# TYPE "+n+" ") && !strings.Contains(string(rules), "record: "+n+",") {
					t.Errorf("%s: no node has a metric %s", p.Title, n)
				}
			}
		}
	}
}
