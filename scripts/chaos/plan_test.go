package main

import (
	"reflect"
	"testing"
	"time"
)

func edgeNames() []string { return []string{"FRA-1", "FRA-2", "LHR-1", "IAD-1", "NRT-1"} }

func TestPlanIsTheSeeds(t *testing.T) {
	one, again, two := plan(1, 10*time.Minute, edgeNames()), plan(1, 10*time.Minute, edgeNames()), plan(2, 10*time.Minute, edgeNames())
	if !reflect.DeepEqual(one, again) {
		t.Error("the same seed makes two plans")
	}
	if reflect.DeepEqual(one, two) {
		t.Error("two seeds make one plan")
	}
}

// Within two minutes there is nearly everything, within ten there is everything; no process has two faults at a time;
// all is over before the end.
func TestPlanKeepsItsRules(t *testing.T) {
	for seed := range uint64(50) {
		for _, c := range []struct {
			total time.Duration
			kinds int
		}{{2 * time.Minute, 13}, {10 * time.Minute, 18}} {
			kinds, until := map[faultKind]bool{}, map[string]time.Duration{}
			at := time.Duration(0)
			for _, f := range plan(seed, c.total, edgeNames()) {
				kinds[f.Kind] = true
				if f.At < at || f.At < warmUp || f.At+f.For > c.total-coolDown || f.For < 0 {
					t.Fatalf("seed %d: %+v begins or ends too early or too late", seed, f)
				}
				at = f.At
				if f.Kind.ofControl() != (f.Node == controlName) || f.Kind == cutPeer && f.Node == f.Other {
					t.Fatalf("seed %d: %+v is of the wrong node", seed, f)
				}
				if f.Kind.ofProcess() {
					if f.At < until[f.Node] {
						t.Fatalf("seed %d: %+v begins while another is on", seed, f)
					}
					until[f.Node] = f.At + f.For
				}
			}
			if len(kinds) < c.kinds {
				t.Errorf("seed %d: %d kinds in %v", seed, len(kinds), c.total)
			}
		}
	}
}
