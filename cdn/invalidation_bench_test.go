package cdn_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
)

// invalidated returns a state with so many invalidations of one distribution, nine in ten of one path.
func invalidated(b *testing.B, n int) *cdn.State {
	b.Helper()
	s := cdn.NewState(1)
	for i := range n {
		path := fmt.Sprintf("/images/%d.png", i)
		if i%10 == 9 {
			path = fmt.Sprintf("/images/%d*", i%100)
		}
		s = invalidate(b, s, path)
	}
	return s
}

func invalidate(b *testing.B, s *cdn.State, path string) *cdn.State {
	b.Helper()
	c, err := cdn.NewChange(cdn.KindInvalidation, cdn.Invalidation{ID: "I", Distribution: "E1", Paths: []string{path}}, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	c.Version = s.Version.Next()
	next, err := s.Apply(c)
	if err != nil {
		b.Fatal(err)
	}
	return next
}

// BenchmarkNewest is what an object that is asked for is checked with.
func BenchmarkNewest(b *testing.B) {
	for _, n := range []int{1, 1000, 100000} {
		b.Run(fmt.Sprintf("invalidations=%d", n), func(b *testing.B) {
			index := invalidated(b, n).Invalidations("E1")
			b.ReportAllocs()
			for b.Loop() {
				index.Newest("/css/site.css")
			}
		})
	}
}

// BenchmarkAddInvalidation is what an invalidation of one path costs a node on
// average, merges included.
func BenchmarkAddInvalidation(b *testing.B) {
	for _, n := range []int{1, 1000, 100000} {
		b.Run(fmt.Sprintf("invalidations=%d", n), func(b *testing.B) {
			index := invalidated(b, n).Invalidations("E1")
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				index = index.With([]string{fmt.Sprintf("/new/%d", i)}, cdn.Version{Epoch: 1, Number: uint64(n + i + 1)})
			}
		})
	}
}

// BenchmarkApplyInvalidation is what an invalidation of everything costs a node, which looks at none of its objects.
func BenchmarkApplyInvalidation(b *testing.B) {
	for _, n := range []int{1, 1000, 100000} {
		b.Run(fmt.Sprintf("invalidations=%d", n), func(b *testing.B) {
			s := invalidated(b, n)
			c, err := cdn.NewChange(cdn.KindInvalidation, cdn.Invalidation{ID: "I", Distribution: "E1", Paths: []string{"/*"}}, time.Now())
			if err != nil {
				b.Fatal(err)
			}
			c.Version = s.Version.Next()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Apply(c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
