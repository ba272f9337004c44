package api

import (
	"iter"
	"maps"
	"slices"

	"github.com/warmfront/warmfront/control/cloudfront"
)

// page is as much of a list as goes into one answer.
type page[T any] struct {
	marker   string // as asked
	maxItems int
	items    []T
	// next is the marker to ask for the rest with: the id of the page's last item,
	// as at CloudFront. Nil where this is the end.
	next *string
}

func (p *page[T]) truncated() bool { return p.next != nil }

// newPage takes a page off rest, the list from after the marker on.
func newPage[T any](params cloudfront.Params, rest iter.Seq2[string, T]) (*page[T], error) {
	n, err := params.MaxItems()
	if err != nil {
		return nil, err
	}
	p := &page[T]{marker: params.Get("Marker"), maxItems: n}
	last := ""
	for id, item := range rest {
		if len(p.items) == n {
			p.next = &last
			break
		}
		p.items = append(p.items, item)
		last = id
	}
	return p, nil
}

// after yields what has an id greater than marker, in the order of ids. The marker
// itself may be gone: it is common to list and delete page by page.
func after[T any](m map[string]T, marker string) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		for _, id := range slices.Sorted(maps.Keys(m)) {
			if id > marker && !yield(id, m[id]) {
				return
			}
		}
	}
}
