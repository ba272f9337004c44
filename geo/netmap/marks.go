package netmap

import "math/bits"

// marks is a set of numbers in which the nearest below and above any other are
// found fast: a bit for each number, and one for each word of those that is not
// zero.
type marks struct {
	words, filled []uint64
}

func newMarks(n int) marks {
	words := (n + 63) / 64
	return marks{words: make([]uint64, words), filled: make([]uint64, (words+63)/64)}
}

func (m *marks) set(i int) {
	m.words[i/64] |= 1 << (i % 64)
	m.filled[i/4096] |= 1 << (i / 64 % 64)
}

// atOrBefore returns the largest number of the set that is not above i, -1 for none.
func (m *marks) atOrBefore(i int) int {
	w := i / 64
	if b := m.words[w] << (63 - i%64); b != 0 {
		return i - bits.LeadingZeros64(b)
	}
	f := w / 64
	rest := m.filled[f] & (1<<(w%64) - 1)
	for rest == 0 {
		if f--; f < 0 {
			return -1
		}
		rest = m.filled[f]
	}
	w = f*64 + bits.Len64(rest) - 1
	return w*64 + bits.Len64(m.words[w]) - 1
}

// after returns the smallest number of the set above i, -1 for none.
func (m *marks) after(i int) int {
	w := i / 64
	if b := m.words[w] >> (i % 64) >> 1; b != 0 {
		return i + 1 + bits.TrailingZeros64(b)
	}
	f := w / 64
	rest := m.filled[f] >> (w % 64) >> 1 << (w % 64) << 1
	for rest == 0 {
		if f++; f == len(m.filled) {
			return -1
		}
		rest = m.filled[f]
	}
	w = f*64 + bits.TrailingZeros64(rest)
	return w*64 + bits.TrailingZeros64(m.words[w])
}
