package api

import (
	"iter"

	calls "github.com/warmfront/warmfront/control/api/call"
	"github.com/warmfront/warmfront/control/cloudfront"
)

// page is as much of a list as goes into one answer.
type page[T any] struct {
	marker   string // as asked
	maxItems int
	items    []T
	next     *string // the marker to ask for the rest with; nil where this is the end
}

func (p *page[T]) truncated() bool { return p.next != nil }

// newPage takes a page off rest, the list from after the marker on.
func newPage[T any](params cloudfront.Params, rest iter.Seq2[string, T]) (*page[T], error) {
	p, err := calls.NewPage(params, rest)
	if err != nil {
		return nil, err
	}
	return &page[T]{p.Marker, p.MaxItems, p.Items, p.Next}, nil
}

// after yields what has an id greater than marker, in the order of ids.
func after[T any](m map[string]T, marker string) iter.Seq2[string, T] { return calls.After(m, marker) }
