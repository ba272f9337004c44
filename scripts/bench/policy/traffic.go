package main

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// class is a class of traffic, as published descriptions of Akamai's give it, and
// in its last two fields what they leave open.
type class struct {
	name string

	sizeMu, sizeSigma float64 // of the logarithm of an object's size in KiB, which is normal
	perObject         float64 // requests, of an object on average
	zipf              float64 // the exponent of popularity by rank
	once              float64 // share of the objects that are asked for once

	// Objects live for about a tenth of the trace: each is asked for less and less
	// after its first request, exponentially, over a mean time of its own. These
	// times are lognormal, with this mean, as a share of the trace, and this sigma.
	// Both are calibrated: see calibrate.
	life, lifeSigma float64
}

// largest is the size that no object exceeds. The reference figures do not name
// one, but imply it: their byte hit ratios under LRU and SIEVE are within two
// points of their object hit ratios, and without a limit a few objects of
// gigabytes would drive them apart.
const largest = 16 << 20

func classes() []class {
	return []class{
		{name: "social", sizeMu: 5.11, sizeSigma: 1.84, perObject: 31, zipf: 0.67, once: 0.29, life: 0.04, lifeSigma: 1.2},
		{name: "downloads", sizeMu: 2.80, sizeSigma: 1.95, perObject: 5, zipf: 0.63, once: 0.40, life: 0.10, lifeSigma: 1.0},
		{name: "video", sizeMu: 5.66, sizeSigma: 2.24, perObject: 43, zipf: 0.72, life: 0.075, lifeSigma: 1.8},
	}
}

func classNames() (names []string) {
	for _, c := range classes() {
		names = append(names, c.name)
	}
	return names
}

// trace is a sequence of requests for objects.
type trace struct {
	sizes     []int64 // of the objects, in bytes
	requests  []int32 // for which object, in order of time
	footprint int64   // bytes of all objects: each is asked for at least once
}

// generate makes a trace of about that many requests.
func (c class) generate(requests int, seed uint64) trace {
	r := rand.New(rand.NewPCG(seed, 0x77617266726f6e74))
	objects := max(1, int(float64(requests)/c.perObject))
	t := trace{sizes: make([]int64, objects)}
	type request struct {
		at     float64
		object int32
	}
	due := make([]request, 0, requests+objects)
	for i, expected := range c.popularity(objects) {
		t.sizes[i] = c.size(r)
		t.footprint += t.sizes[i]
		n := int(expected)
		if r.Float64() < expected-float64(n) {
			n++
		}
		born, life := r.Float64(), c.life*math.Exp(c.lifeSigma*r.NormFloat64()-c.lifeSigma*c.lifeSigma/2)
		for range max(1, n) {
			// The trace is a circle: it has neither a cold start nor an end where
			// objects die early.
			_, at := math.Modf(born + life*r.ExpFloat64())
			due = append(due, request{at, int32(i)})
		}
	}
	slices.SortFunc(due, func(a, b request) int { return cmp.Compare(a.at, b.at) })
	t.requests = make([]int32, len(due))
	for i, d := range due {
		t.requests[i] = d.object
	}
	return t
}

// popularity returns how many requests each object is to have: those that are
// asked for once last, the others by their rank.
func (c class) popularity(objects int) []float64 {
	once := int(c.once * float64(objects))
	expected := make([]float64, objects)
	sum := 0.0
	for i := range expected[:objects-once] {
		expected[i] = math.Pow(float64(i+1), -c.zipf)
		sum += expected[i]
	}
	total := c.perObject*float64(objects) - float64(once)
	for i := range expected {
		if i < objects-once {
			expected[i] *= total / sum
		} else {
			expected[i] = 1
		}
	}
	return expected
}

func (c class) size(r *rand.Rand) int64 {
	return 1 + int64(min(largest-1, math.Exp(c.sizeMu+c.sizeSigma*r.NormFloat64())*1024))
}
