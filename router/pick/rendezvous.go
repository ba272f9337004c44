package pick

// score is the weight of a node for a distribution in a POP. The node with the
// highest weight is the one answered (rendezvous, or highest-random-weight,
// hashing): taking a node away moves only the distributions it had.
//
// Routers of different releases run side by side, so what it returns is fixed: 64-bit
// FNV-1a over the three names, each ended by a zero byte, then the finalizer of
// MurmurHash3, without which names that differ in their last digit would hash
// to neighbours.
func score(distribution, pop, node string) uint64 {
	h := uint64(14695981039346656037)
	for _, s := range [...]string{distribution, pop, node} {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * 1099511628211
		}
		h *= 1099511628211
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
