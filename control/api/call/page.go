package call

import (
	"iter"
	"maps"
	"slices"

	"github.com/warmfront/warmfront/control/cloudfront"
)

// Page is as much of a list as goes into one answer.
type Page[T any] struct {
	Marker   string // as asked
	MaxItems int
	Items    []T
	// Next is the marker to ask for the rest with: the id of the page's last item,
	// as at CloudFront. Nil where this is the end.
	Next *string
}

// Truncated reports whether there is more.
func (p *Page[T]) Truncated() bool { return p.Next != nil }

// NewPage takes a page off rest, the list from after the marker on.
func NewPage[T any](params cloudfront.Params, rest iter.Seq2[string, T]) (*Page[T], error) {
	n, err := params.MaxItems()
	if err != nil {
		return nil, err
	}
	p := &Page[T]{Marker: params.Get("Marker"), MaxItems: n}
	last := ""
	for id, item := range rest {
		if len(p.Items) == n {
			p.Next = &last
			break
		}
		p.Items = append(p.Items, item)
		last = id
	}
	return p, nil
}

// After yields what has an id greater than marker, in the order of ids. The marker
// itself may be gone: it is common to list and delete page by page.
func After[T any](m map[string]T, marker string) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		for _, id := range slices.Sorted(maps.Keys(m)) {
			if id > marker && !yield(id, m[id]) {
				return
			}
		}
	}
}
