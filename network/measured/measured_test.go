package measured

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/report"
	"github.com/warmfront/warmfront/control/operator"
)

func TestToken(t *testing.T) {
	a, b := Token([]byte("a secret of some length")), Token([]byte("another of some length"))
	if a == b || len(a) != 32 || strings.Contains(a, "secret") {
		t.Errorf("%q %q", a, b)
	}
}

type edges struct{}

func (edges) Probe(_ context.Context, n cdn.Node) (report.Edge, error) {
	if n.ID == "SYD-1" {
		return report.Edge{}, errors.New("no answer")
	}
	return report.Edge{Node: n.ID, RoundTrips: []report.RoundTrip{{POP: "NRT", Time: time.Duration(n.K) * time.Millisecond}}}, nil
}

func TestRoundTrips(t *testing.T) {
	nodes := []cdn.Node{{ID: "router-1", Role: cdn.RoleRouter}, {ID: "SYD-1", Role: cdn.RoleEdge, POP: "SYD", K: 1}}
	for k := range 100 {
		nodes = append(nodes, cdn.Node{ID: fmt.Sprintf("FRA-%d", k+2), Role: cdn.RoleEdge, POP: "FRA", K: k + 2})
	}
	got := RoundTrips(t.Context(), edges{}, nodes)
	if !slices.Equal(got.Ways, []operator.Way{{From: "FRA", To: "NRT", Time: 2 * time.Millisecond}}) || !slices.Equal(got.Silent, []string{"SYD-1"}) {
		t.Errorf("%+v", got)
	}
}
