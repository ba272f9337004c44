package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRatios(t *testing.T) {
	rounds := func(ratios ...float64) (list []round) {
		for _, r := range ratios {
			list = append(list, round{Ratio: r})
		}
		return list
	}
	got := ratios([]result{
		{"1k", "nginx", rounds(1, 1, 1)}, {"1k", "varnish", rounds(0.5, 0.7, 0.4)}, {"1k", "warmfront", rounds(2, 1, 3)},
		{"tls", "nginx", rounds(1, 1, 1)}, {"tls", "warmfront", rounds(1.5, 1.5, 1.25)},
		{"objects", "warmfront, 1000 objects", rounds(0, 0, 0)},
	})
	want := [][]string{
		{"work per CPU second, ratio", "1 KiB", "TLS 1.3, 1 KiB", "1 KiB of many"},
		{"nginx", "1.00", "1.00", ""},
		{"varnish", "0.50 (0.40–0.70)", "", ""},
		{"warmfront", "2.00 (1.00–3.00)", "1.50 (1.25–1.50)", ""},
		{"warmfront, 1000 objects", "", "", "–"},
	}
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestNumber(t *testing.T) {
	for f, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567.6: "1,234,568"} {
		if got := number(f); got != want {
			t.Errorf("%v is %q, want %q", f, got, want)
		}
	}
}

func TestSampleCheck(t *testing.T) {
	for _, test := range []struct {
		s    sample
		want string
	}{
		{sample{answers: 10, bytes: 12000}, ""},
		{sample{}, "not one"},
		{sample{answers: 10, bytes: 12000, errors: 1}, "errors"},
		{sample{answers: 10, bytes: 9000}, "came as 9000 bytes"},
	} {
		err := test.s.check(target{load: load{size: 1000}})
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %q", test.s, err, test.want)
		}
	}
}

func TestH2loadLatency(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("1\t200\t30\n2\t200\t10\n3\t200\t20\n")
	if p50, p99, err := h2loadLatency(path); err != nil || p50 != 20*time.Microsecond || p99 != 30*time.Microsecond {
		t.Errorf("%v, %v, %v; want 20µs and 30µs", p50, p99, err)
	}
	for _, bad := range []string{"", "1\t503\t30\n", "1\t200\n", "1\t200\tx\n"} {
		write(bad)
		if _, _, err := h2loadLatency(path); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
}
