package eviction

// sketch remembers about how often keys were used, up to 15 times each: a
// count-min sketch of counters of 4 bits (TinyLFU, Einziger et al. 2017), of which
// an estimate reads four, in one cache line, and believes the least. Counts are
// halved as others are added, a cache line of them at a time, so that there is
// never a pause.
type sketch struct {
	blocks []block
	hand   int // the next block to be halved
	since  int // additions since one was
}

// block is 128 counters, 32 of each row.
type block [2 * sketchRows]uint64

const (
	sketchRows = 4
	maxCount   = 15
	// ageEvery is how many additions there are for each word from one halving to
	// the next. A word is for one entry: counts fade to half while each entry was
	// used so often.
	ageEvery = 3
)

// grow makes room for the counts of n keys, in a table of which each half begins
// as a copy of the old: estimates stay what they were.
func (s *sketch) grow(n int) {
	for len(s.blocks)*len(block{}) < n || s.blocks == nil {
		blocks := make([]block, max(2*len(s.blocks), 8))
		copy(blocks[copy(blocks, s.blocks):], s.blocks)
		s.blocks = blocks
	}
}

func (s *sketch) block(hash uint64) *block { return &s.blocks[hash&uint64(len(s.blocks)-1)] }

// counter returns which word of a block counts the key in a row, and at which bit.
func counter(hash uint64, row int) (word int, bit uint) {
	h := hash >> (44 + 5*row)
	return 2*row + int(h&1), uint(h>>1&15) * 4
}

// estimate is how often the key was used, 15 if more often.
func (s *sketch) estimate(hash uint64) uint32 {
	b, least := s.block(hash), uint64(maxCount)
	for row := range sketchRows {
		word, bit := counter(hash, row)
		least = min(least, b[word]>>bit&maxCount)
	}
	return uint32(least)
}

// raise sees to it that the key's estimate is at least count.
func (s *sketch) raise(hash uint64, count uint32) {
	count = min(count, maxCount)
	for n := s.estimate(hash); n < count; n++ {
		s.age()
	}
	b := s.block(hash)
	for row := range sketchRows {
		word, bit := counter(hash, row)
		if now := b[word] >> bit & maxCount; now < uint64(count) {
			b[word] += (uint64(count) - now) << bit
		}
	}
}

func (s *sketch) age() {
	if s.since++; s.since < ageEvery*len(block{}) {
		return
	}
	s.since = 0
	b := &s.blocks[s.hand&(len(s.blocks)-1)]
	for i := range b {
		b[i] = b[i] >> 1 & 0x7777777777777777
	}
	s.hand++
}
