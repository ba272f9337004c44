package network

import (
	"strings"
	"testing"
)

func TestCheckZone(t *testing.T) {
	for zone, ok := range map[string]bool{
		"warmfront.test": true, "cdn": true, "a-1.b2": true,
		"": false, ".": false, "-bad": false, "bad-.test": false, "a..b": false, "Upper.test": false, "a b": false, strings.Repeat("x", 64): false,
	} {
		if err := CheckZone(zone); (err == nil) != ok {
			t.Errorf("%q: %v", zone, err)
		}
	}
}
