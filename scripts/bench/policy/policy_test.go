package main

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

func named(t *testing.T, name string) class {
	t.Helper()
	for _, c := range classes() {
		if c.name == name {
			return c
		}
	}
	t.Fatalf("no class %q", name)
	return class{}
}

func TestTrafficIsAsDescribed(t *testing.T) {
	for _, c := range classes() {
		t.Run(c.name, func(t *testing.T) {
			of := c.generate(200_000, 1)
			counts := make([]int, len(of.sizes))
			for _, i := range of.requests {
				counts[i]++
			}
			if slices.Min(counts) < 1 {
				t.Error("an object is never asked for")
			}
			near(t, "requests an object", float64(len(of.requests))/float64(len(of.sizes)), c.perObject, 0.02)
			once := 0
			for _, n := range counts {
				if n == 1 {
					once++
				}
			}
			near(t, "share asked for once", float64(once)/float64(len(counts)), c.once, 0.01)
			// The most popular and the hundredth, by the exponent.
			near(t, "popularity", float64(counts[0])/float64(counts[99]), math.Pow(100, c.zipf), 0.05)

			var logs []float64
			var footprint int64
			for _, size := range of.sizes {
				logs = append(logs, math.Log(float64(size)/1024))
				footprint += size
				if size < 1 || size > largest {
					t.Fatalf("an object of %d bytes", size)
				}
			}
			if footprint != of.footprint {
				t.Errorf("footprint %d, want %d", of.footprint, footprint)
			}
			slices.Sort(logs)
			near(t, "median of the sizes' logarithms", logs[len(logs)/2], c.sizeMu, 0.03)
			near(t, "their spread below", logs[len(logs)/2]-logs[len(logs)*16/100], c.sizeSigma, 0.06)
		})
	}
}

// near fails if have is off by more than this share of want, or this if want is
// less than 1.
func near(t *testing.T, what string, have, want, share float64) {
	t.Helper()
	if math.Abs(have-want) > share*max(1, want) {
		t.Errorf("%s: %.3f, want %.3f", what, have, want)
	}
}

func TestTracesRepeat(t *testing.T) {
	c := classes()[0]
	a, b, other := c.generate(10_000, 1), c.generate(10_000, 1), c.generate(10_000, 2)
	if !slices.Equal(a.requests, b.requests) || !slices.Equal(a.sizes, b.sizes) {
		t.Error("one seed gave two traces")
	}
	if slices.Equal(a.sizes, other.sizes) {
		t.Error("two seeds gave one trace")
	}
}

// TestHitRatios holds what was measured: by how much each policy beats LRU on a
// fixed trace, in points, less half a point for changes that matter little.
func TestHitRatios(t *testing.T) {
	traces := map[string]trace{}
	for _, want := range []struct {
		traffic, policy string
		percent         int64
		objects, bytes  float64
	}{
		{"social", "gdsf", 1, 24.4, -5.2},
		{"social", "gdsf", 10, 1.4, -3.3},
		{"downloads", "gdsf", 1, 27.0, -2.7},
		{"downloads", "gdsf", 10, 9.3, -8.6},
		{"video", "gdsf", 1, 22.2, -1.9},
		{"video", "gdsf", 10, 3.3, -2.6},
		{"social", "w-tinylfu", 1, 19.2, -25.2},
		{"social", "w-tinylfu", 10, -2.0, -17.1},
		{"downloads", "w-tinylfu", 1, 13.5, -12.2},
		{"downloads", "w-tinylfu", 10, -3.3, -22.8},
		{"video", "w-tinylfu", 1, 14.0, -39.8},
		{"video", "w-tinylfu", 10, -0.5, -14.8},
		{"social", "s3-fifo", 1, 10.7, 8.7},
		{"social", "s3-fifo", 10, 0.2, 0.2},
		{"downloads", "s3-fifo", 1, 8.3, 7.0},
		{"downloads", "s3-fifo", 10, -1.7, -2.0},
		{"video", "s3-fifo", 1, 9.1, 6.1},
		{"video", "s3-fifo", 10, 0.1, 0.1},
	} {
		of, ok := traces[want.traffic]
		if !ok {
			of = named(t, want.traffic).generate(200_000, 1)
			traces[want.traffic] = of
		}
		ratios := map[string]ratio{}
		for _, policy := range []string{"lru", want.policy} {
			r, err := simulate(of, policy, of.footprint*want.percent/100)
			if err != nil {
				t.Fatal(err)
			}
			ratios[policy] = r
		}
		objects := ratios[want.policy].Objects - ratios["lru"].Objects
		bytes := ratios[want.policy].Bytes - ratios["lru"].Bytes
		if objects < want.objects-0.5 || bytes < want.bytes-0.5 {
			t.Errorf("%s, %d %%: %s beats LRU by %.1f points of objects and %.1f of bytes, want %.1f and %.1f",
				want.traffic, want.percent, want.policy, objects, bytes, want.objects, want.bytes)
		}
	}
}

// TestSimulate counts by hand: five requests for two objects of equal size.
func TestSimulate(t *testing.T) {
	of := trace{sizes: []int64{10, 30}, requests: []int32{0, 0, 1, 1, 0}, footprint: 40}
	for _, c := range []struct {
		capacity int64
		want     ratio
	}{
		{40, ratio{60, 100 * 50. / 90}},
		{30, ratio{40, 100 * 20. / 90}}, // the second is not worth the first's place
		{9, ratio{0, 0}},
	} {
		r, err := simulate(of, "gdsf", c.capacity)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(r.Objects-c.want.Objects) > 1e-9 || math.Abs(r.Bytes-c.want.Bytes) > 1e-9 {
			t.Errorf("%d bytes: %v, want %v", c.capacity, r, c.want)
		}
	}
	if r := noEviction(of); r.Objects != 60 || math.Abs(r.Bytes-100*50./90) > 1e-9 {
		t.Errorf("with room for all: %v", r)
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	if err := run(strings.Fields("-traffic video,social -policies lru,gdsf-classic,gdsf -requests 5000 -seeds 2"), &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"video    1 %    lru ", "social   10 %   gdsf ", "77/56", "94/86",
		"video: with room for all, 97.", "gdsf: matches or beats the reference in ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table has no %q:\n%s", want, out.String())
		}
	}
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	if err := run(strings.Fields("-traffic social -policies s3-fifo -requests 5000 -seeds 3 -o json"), &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var have struct{ Results []result }
	if err := json.Unmarshal(out.Bytes(), &have); err != nil {
		t.Fatal(err)
	}
	if len(have.Results) != 2 {
		t.Fatalf("%d results, want one for each size of cache", len(have.Results))
	}
	for _, r := range have.Results {
		if r.Reference == nil || r.Policy != "s3-fifo" || !(r.Min.Objects <= r.Median.Objects && r.Median.Objects <= r.Max.Objects) || r.Median.Objects <= 0 {
			t.Errorf("result %+v", r)
		}
	}
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		have, reference float64
		want            string
	}{{73.9, 73, "="}, {72.1, 73, "="}, {75, 73, "+2.0"}, {60.5, 73, "-12.5"}} {
		if got := verdict(c.have, c.reference); got != c.want {
			t.Errorf("%v beside %v: %q, want %q", c.have, c.reference, got, c.want)
		}
	}
}

func TestFlags(t *testing.T) {
	for args, want := range map[string]string{
		"-traffic mail":  `no class is called "mail"`,
		"-policies arc":  `"arc"`,
		"-requests 10":   "-requests",
		"-seeds 0":       "-seeds",
		"-o yaml":        "neither table nor json",
		"social":         "not a flag",
		"-requests many": "invalid value",
	} {
		if err := run(strings.Fields(args), io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("policy %s: error %v, want one with %s", args, err, want)
		}
	}
}
