package pick

import "net/netip"

// Releases of routers run side by side and must agree: what the functions of this file
// return is fixed. They are 64-bit FNV-1a, then the finalizer of MurmurHash3, without which
// names that differ in their last digit would hash to neighbours.
const (
	offset64 = 14695981039346656037
	prime64  = 1099511628211
)

// seed is the hash of some names, each ended by a zero byte.
func seed(names ...string) uint64 {
	h := uint64(offset64)
	for _, s := range names {
		h = absorb(h, s)
	}
	return h
}

func absorb(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * prime64
	}
	return h * prime64
}

// hash is that of a distribution and a block of viewers; of the distribution alone where
// there is no block.
func hash(distribution string, block netip.Prefix) uint64 {
	h := absorb(offset64, distribution)
	if !block.IsValid() {
		return h
	}
	for _, b := range block.Addr().As16() {
		h = (h ^ uint64(b)) * prime64
	}
	return (h ^ uint64(block.Bits())) * prime64
}

// weight is that of a node, or a POP, with a seed for what has the hash h.
func weight(h, seed uint64) uint64 {
	h ^= seed
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
