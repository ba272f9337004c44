package geo

import (
	"strings"
	"testing"
)

func TestParseFrom(t *testing.T) {
	db, err := Open(Config{})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ from, addr, place, source string }{
		{"SYD", "127.143.9.9", "Sydney, Australia", "lab"},
		{"tokyo", "127.120.9.9", "Tokyo, Japan", "lab"},
		{"Singapore", "127.130.9.9", "Singapore", "lab"},
		{"127.90.8.1", "127.90.8.1", "London, United Kingdom", "lab"},
		{"192.168.1.1", "192.168.1.1", "Frankfurt am Main, Germany", "home"},
		{"::ffff:127.0.0.1", "127.0.0.1", "Frankfurt am Main, Germany", "lab"},
	}
	for _, tt := range tests {
		t.Run(tt.from, func(t *testing.T) {
			a, p, err := db.ParseFrom(tt.from)
			if err != nil || a.String() != tt.addr || p.String() != tt.place || p.Source != tt.source || !p.Prefix.Contains(a) {
				t.Errorf("%s, %s from %q within %s, %v", a, p, p.Source, p.Prefix, err)
			}
		})
	}
	for from, want := range map[string]string{
		"Sidney": "Sydney (SYD)", "": "name a city", "1.2.3": "name a city", strings.Repeat("x", 300): "300 bytes",
	} {
		if _, _, err := db.ParseFrom(from); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseFrom(%q): %v, want %q", from, err, want)
		}
	}
}

func FuzzParseFrom(f *testing.F) {
	for _, s := range []string{"SYD", "são paulo", "1.2.3.4", "fd77:120::1%x", "::ffff:1.2.3.4", "\xff\xfe", "Frankfrut"} {
		f.Add(s)
	}
	db, err := Open(Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, p, err := db.ParseFrom(s)
		if err != nil {
			if len(err.Error()) > 2000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		if !a.IsValid() || a.Is4In6() || p.Precision == 0 || !p.Prefix.Contains(a.WithZone("")) {
			t.Errorf("%q is %s at %+v", s, a, p)
		}
	})
}
