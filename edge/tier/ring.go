package tier

// Owner returns which of the nodes a key belongs to; "" where there are none. All
// who know the same nodes agree on it, whatever their order, and when one comes or
// goes only its own keys change hands (rendezvous hashing, Thaler and Ravishankar
// 1998).
func Owner(key string, nodes []string) string {
	var owner string
	var most uint64
	h := hash(key)
	for _, n := range nodes {
		if w := mix(h ^ mix(hash(n))); owner == "" || w > most || w == most && n < owner {
			owner, most = n, w
		}
	}
	return owner
}

// hash is FNV-1a: the same on every node and in every release.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// mix makes every bit of x depend on all others (the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
