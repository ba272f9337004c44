package keyvalues

import (
	"fmt"
	"maps"
	"slices"
	"testing"
)

func TestValues(t *testing.T) {
	var none *Values
	if _, found := none.Get("a"); found || none.Keys() != nil {
		t.Error("nothing holds something")
	}
	want := map[string]string{}
	kv := none
	for i := range 2000 {
		u := Update{Put: map[string]string{fmt.Sprint(i % 700): fmt.Sprint(i)}, ETag: fmt.Sprint(i)}
		if i%3 == 0 {
			u.Delete = []string{fmt.Sprint(i % 500), "no such"}
		}
		before, size := kv, 0
		if before != nil {
			size = before.Size
		}
		for _, k := range u.Delete {
			delete(want, k)
		}
		maps.Copy(want, u.Put)
		kv = kv.With(u)
		if before != nil && before.Size != size {
			t.Fatal("the older values changed")
		}
	}
	size := 0
	for k, v := range want {
		size += len(k) + len(v)
		if got, found := kv.Get(k); !found || got != v {
			t.Errorf("%s: %q, want %q", k, got, v)
		}
	}
	all := kv.Keys()
	for i := -1; i < len(all); i += 37 {
		after := ""
		if i >= 0 {
			after = all[i]
		}
		if got := kv.After(after, 50); !slices.Equal(got, all[i+1:min(i+51, len(all))]) {
			t.Fatalf("after %q: %v", after, got)
		}
	}
	if kv.Count != len(want) || kv.Size != size || !slices.Equal(kv.Keys(), slices.Sorted(maps.Keys(want))) {
		t.Errorf("%d keys of %d bytes, want %d of %d", kv.Count, kv.Size, len(want), size)
	}
}
