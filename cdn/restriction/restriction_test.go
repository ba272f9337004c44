package restriction

import "testing"

func TestCountriesAdmit(t *testing.T) {
	for _, c := range []struct {
		limit   Countries
		country string
		want    bool
	}{
		{Countries{}, "JP", true},
		{Countries{Allowed: []string{"DE", "JP"}}, "JP", true}, {Countries{Allowed: []string{"DE", "JP"}}, "FR", false}, {Countries{Allowed: []string{"DE"}}, "", true},
		{Countries{Blocked: []string{"DE", "JP"}}, "JP", false}, {Countries{Blocked: []string{"DE", "JP"}}, "FR", true}, {Countries{Blocked: []string{"DE"}}, "", true},
	} {
		if c.limit.Admit(c.country) != c.want {
			t.Errorf("%+v, %q: want %t", c.limit, c.country, c.want)
		}
	}
}
