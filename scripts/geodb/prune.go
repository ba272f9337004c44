package main

import "sort"

// The tree is pruned as a classification tree is: a split is kept if what it
// saves in wrongly labelled units is worth its price. Differences of single
// /24s inside a provider's block are where two databases disagree most, so
// they cost half of the file and are right hardly more often than not.

// maxCandidates bounds the labels that a subtree remembers as possible answers
// for all of it.
const maxCandidates = 8

// candidate is a label for a whole subtree and what that would cost.
type candidate struct {
	label int32
	cost  float64
}

// subtree is the best that can be made of a range of addresses.
type subtree struct {
	tree       int32 // a leaf's label, or ^index into pruner.splits
	cost       float64
	weight     float64
	candidates []candidate // by cost
}

type pruner struct {
	family family
	cells  []cell
	splits [][2]int32 // also those that a later join gave up
}

// prune returns the best tree over all blocks of a family.
func (p *pruner) prune(blocks []block) subtree {
	return p.solve(0, p.family.unit, blocks)
}

// solve returns the best tree for 2^height units from start on, which hold
// exactly the given blocks.
func (p *pruner) solve(start uint64, height int, blocks []block) subtree {
	size := uint64(1) << height
	if len(blocks) == 0 {
		return p.leaf(nowhere, size)
	}
	if blocks[0].units == size {
		return p.leaf(blocks[0].label, size)
	}
	middle := start + size/2
	cut := sort.Search(len(blocks), func(i int) bool { return blocks[i].start >= middle })
	left := p.solve(start, height-1, blocks[:cut])
	right := p.solve(middle, height-1, blocks[cut:])
	return p.join(left, right)
}

func (p *pruner) leaf(label int32, size uint64) subtree {
	return subtree{tree: label, weight: p.family.weight(float64(size)), candidates: []candidate{{label: label}}}
}

// join puts two halves together, as a split or as one leaf.
func (p *pruner) join(left, right subtree) subtree {
	whole := subtree{weight: left.weight + right.weight, cost: left.cost + right.cost + p.family.price}
	for _, c := range left.candidates {
		whole.candidates = append(whole.candidates, candidate{c.label, c.cost + p.costOf(right, c.label)})
	}
	for _, c := range right.candidates {
		if !has(left.candidates, c.label) {
			whole.candidates = append(whole.candidates, candidate{c.label, c.cost + p.costOf(left, c.label)})
		}
	}
	sort.Slice(whole.candidates, func(i, j int) bool {
		x, y := whole.candidates[i], whole.candidates[j]
		return x.cost < y.cost || x.cost == y.cost && x.label < y.label
	})
	whole.candidates = whole.candidates[:min(len(whole.candidates), maxCandidates)]
	if best := whole.candidates[0]; best.cost <= whole.cost {
		whole.tree, whole.cost = best.label, best.cost
		return whole
	}
	p.splits = append(p.splits, [2]int32{left.tree, right.tree})
	whole.tree = ^int32(len(p.splits) - 1)
	return whole
}

func has(candidates []candidate, label int32) bool {
	for _, c := range candidates {
		if c.label == label {
			return true
		}
	}
	return false
}

// costOf returns what it costs to give a whole subtree a label; for one that
// the subtree does not remember, an upper bound by way of its best.
func (p *pruner) costOf(s subtree, label int32) float64 {
	for _, c := range s.candidates {
		if c.label == label {
			return c.cost
		}
	}
	best := s.candidates[0]
	return best.cost + s.weight*p.wrong(best.label, label)
}

// wrong returns how bad it is to answer one unit of a label with another: 1 if
// the viewer is sent to the wrong POP.
func (p *pruner) wrong(truth, answer int32) float64 {
	if truth == answer {
		return 0
	}
	if truth == nowhere {
		return 0.1 // nobody is there
	}
	if answer == nowhere {
		return 2
	}
	x, y := p.cells[truth], p.cells[answer]
	switch {
	case x.country != y.country:
		return 1.5 // geographic restrictions go wrong as well
	case x.byCity != y.byCity || x.nearest[2] != y.nearest[2]:
		return 1
	case x.nearest != y.nearest:
		return 0.3
	}
	return 0.1 // the same POP from a degree or two away
}

// leaves calls emit for every leaf that is somewhere.
func (p *pruner) leaves(tree int32, emit func(prefix uint64, bits int, label int32) error) error {
	return p.walk(tree, 0, 0, emit)
}

func (p *pruner) walk(tree int32, prefix uint64, bits int, emit func(uint64, int, int32) error) error {
	if tree == nowhere {
		return nil
	}
	if tree > 0 {
		return emit(prefix, bits, tree)
	}
	split := p.splits[^tree]
	if err := p.walk(split[0], prefix<<1, bits+1, emit); err != nil {
		return err
	}
	return p.walk(split[1], prefix<<1|1, bits+1, emit)
}

// kept returns how many splits a tree consists of.
func (p *pruner) kept(tree int32) int {
	if tree >= 0 {
		return 0
	}
	split := p.splits[^tree]
	return 1 + p.kept(split[0]) + p.kept(split[1])
}
