// Package keyvalues is the data of a CloudFront key value store as an immutable value: an
// update makes another one, and readers of the older one see nothing of it.
package keyvalues

import (
	"hash/maphash"
	"maps"
	"slices"
)

// Update changes what a store holds, all of it at once.
type Update struct {
	Put    map[string]string `json:"put,omitempty"`
	Delete []string          `json:"delete,omitempty"`
	// ETag is the data's from then on.
	ETag string `json:"etag"`
	// LastModified is in Unix milliseconds.
	LastModified int64 `json:"last_modified"`
}

// Values is what a key value store holds. It is immutable: an update makes
// another one, at the cost of the keys it shares a bucket with and not of all.
type Values struct {
	// ETag and LastModified (Unix milliseconds) are of the newest update; "" and 0
	// before the first.
	ETag         string
	LastModified int64
	// Count is how many keys there are, Size the bytes of keys and values.
	Count, Size int

	seed   maphash.Seed
	shards []map[string]string
}

const shardCount = 256

// Get returns the value of a key. A nil Values holds nothing.
func (k *Values) Get(key string) (string, bool) {
	if k == nil || k.shards == nil {
		return "", false
	}
	v, found := k.shards[k.bucket(key)][key]
	return v, found
}

// Keys returns all keys, in order.
func (k *Values) Keys() []string {
	if k == nil {
		return nil
	}
	keys := make([]string, 0, k.Count)
	for _, b := range k.shards {
		keys = slices.AppendSeq(keys, maps.Keys(b))
	}
	slices.Sort(keys)
	return keys
}

// After returns the n keys that follow one, in order; n is a page's, not all.
func (k *Values) After(key string, n int) []string {
	if k == nil || n <= 0 {
		return nil
	}
	var page []string
	for _, b := range k.shards {
		for c := range b {
			if c <= key || len(page) == n && c > page[n-1] {
				continue
			}
			i, _ := slices.BinarySearch(page, c)
			if len(page) == n {
				page = page[:n-1]
			}
			page = slices.Insert(page, i, c)
		}
	}
	return page
}

func (k *Values) bucket(key string) int {
	return int(maphash.String(k.seed, key) % shardCount)
}

// With returns the values after an update. Keys are deleted before others are put.
func (k *Values) With(u Update) *Values {
	n := &Values{ETag: u.ETag, LastModified: u.LastModified}
	if k == nil || k.shards == nil {
		n.seed, n.shards = maphash.MakeSeed(), make([]map[string]string, shardCount)
	} else {
		n.Count, n.Size, n.seed, n.shards = k.Count, k.Size, k.seed, slices.Clone(k.shards)
	}
	own := [shardCount]bool{}
	in := func(key string) map[string]string {
		i := n.bucket(key)
		if !own[i] {
			own[i] = true
			if n.shards[i] = maps.Clone(n.shards[i]); n.shards[i] == nil {
				n.shards[i] = map[string]string{}
			}
		}
		return n.shards[i]
	}
	remove := func(key string) {
		b := in(key)
		if old, found := b[key]; found {
			delete(b, key)
			n.Count, n.Size = n.Count-1, n.Size-len(key)-len(old)
		}
	}
	for _, key := range u.Delete {
		remove(key)
	}
	for key, v := range u.Put {
		remove(key)
		in(key)[key] = v
		n.Count, n.Size = n.Count+1, n.Size+len(key)+len(v)
	}
	return n
}

// Whole returns the update that makes the values of an empty store.
func (k *Values) Whole() Update {
	u := Update{ETag: k.ETag, LastModified: k.LastModified, Put: make(map[string]string, k.Count)}
	for _, b := range k.shards {
		maps.Copy(u.Put, b)
	}
	return u
}
