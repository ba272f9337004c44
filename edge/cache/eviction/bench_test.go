package eviction

import (
	"math/rand/v2"
	"testing"
)

// BenchmarkUse is what a hit costs.
func BenchmarkUse(b *testing.B) {
	for _, name := range Names() {
		b.Run(name, func(b *testing.B) {
			p, err := New[int](name, 1<<40)
			if err != nil {
				b.Fatal(err)
			}
			entries := make([]Entry[int], 1000)
			for i := range entries {
				p.Add(&entries[i], uint64(i), 1000)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				p.Use(&entries[i%len(entries)])
			}
		})
	}
}

// BenchmarkChurn is what a request costs where most miss and each miss evicts,
// with 100,000 entries in.
func BenchmarkChurn(b *testing.B) {
	for _, name := range Names() {
		b.Run(name, func(b *testing.B) {
			p, err := New[int](name, 5_000_000)
			if err != nil {
				b.Fatal(err)
			}
			entries := make([]Entry[int], 1_000_000)
			r := rand.New(rand.NewPCG(1, 1))
			churn(p, entries, r, 1_000_000)
			b.ReportAllocs()
			for b.Loop() {
				churn(p, entries, r, 1)
			}
		})
	}
}
