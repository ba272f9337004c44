package hpack

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	xnet "golang.org/x/net/http2/hpack"
)

// repeated is what a connection's third answer costs, and the first.
func TestEncoderIndexesWhatRepeats(t *testing.T) {
	e := NewEncoder()
	answer := func(id string) []byte {
		b := e.Status(e.Begin(nil), 200)
		for _, f := range [][2]string{
			{"Content-Type", "text/html; charset=utf-8"}, {"ETag", `"0123456789abcdef"`}, {"X-Cache", "Hit from cloudfront"},
			{"X-Amz-Cf-Id", id}, {"Age", "12"}, {"Set-Cookie", "secret=1; HttpOnly"},
		} {
			b = e.Field(b, f[0], f[1])
		}
		return b
	}
	const id = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	first, second, third := len(answer(id)), len(answer(id)), len(answer(id))
	if first < second || third >= second-40 {
		t.Errorf("%d, %d, %d bytes", first, second, third)
	}
	if e.added != 3 {
		t.Errorf("%d fields are in the table, of which 3 repeat and may be there", e.added)
	}
	if n := testing.AllocsPerRun(100, func() { e.Field(make([]byte, 0, 100), "Content-Type", "text/html; charset=utf-8") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestEncoderNeverIndexesSecrets(t *testing.T) {
	e := NewEncoder()
	for range 5 {
		for _, name := range []string{"Set-Cookie", "authorization", "Proxy-Authorization"} {
			b := e.Field(nil, name, "something secret")
			if b[0]&0xf0 != 0x10 {
				t.Errorf("%s begins with %#x", name, b[0])
			}
		}
	}
}

func TestEncoderTellsChangesOfTheTable(t *testing.T) {
	for _, test := range []struct {
		limits []uint32
		want   string
	}{
		{nil, ""},
		{[]uint32{4096}, "3fe11f"},
		{[]uint32{1 << 20}, "3fe11f"},
		{[]uint32{0}, "20"},
		{[]uint32{100, 0, 200}, "203fa901"},
		{[]uint32{200, 100}, "3f45"},
		{[]uint32{100, 200}, "203fa901"},
	} {
		e := NewEncoder()
		for _, n := range test.limits {
			e.SetLimit(n)
		}
		if got := fmt.Sprintf("%x", e.Begin(nil)); got != test.want {
			t.Errorf("%v: %s, want %s", test.limits, got, test.want)
		}
		if again := e.Begin(nil); len(again) > 0 {
			t.Errorf("%v: told twice", test.limits)
		}
	}
}

func TestStaticNames(t *testing.T) {
	// The decoder knows the static table: a literal that refers to its name.
	for _, name := range []string{"accept-encoding", "accept-language", "accept-ranges", "accept", "access-control-allow-origin", "age",
		"allow", "authorization", "cache-control", "content-disposition", "content-encoding", "content-language", "content-length",
		"content-location", "content-range", "content-type", "date", "etag", "expires", "last-modified", "link", "location",
		"proxy-authenticate", "proxy-authorization", "refresh", "retry-after", "server", "set-cookie", "strict-transport-security",
		"vary", "via", "www-authenticate"} {
		n := staticName(name)
		got, err := xnet.NewDecoder(0, nil).DecodeFull(appendLiteral(nil, 0, 4, n, []byte("wrong"), "v"))
		if err != nil || n == 0 || len(got) != 1 || got[0].Name != name {
			t.Errorf("%s is not %d: %v, %v", name, n, got, err)
		}
	}
}

// Whatever is encoded, and however the table changes meanwhile, is decoded to the
// same.
func FuzzEncoder(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, uint16(200))
	}
	f.Fuzz(func(t *testing.T, seed uint64, blocks uint16) {
		random := rand.New(rand.NewPCG(seed, 0))
		e := NewEncoder()
		d := xnet.NewDecoder(maxTable, nil)
		values := make([]string, 150)
		for i := range values {
			values[i] = strings.Repeat(fmt.Sprint(random.Uint32()), random.IntN(20))
		}
		values = append(values, strings.Repeat("x", 5000), "\x00\xff\n")
		names := []string{"Date", "ETag", "x-a", "X-B", "Set-Cookie", "age", "X-Amz-Cf-Id", strings.Repeat("long-", 50)}
		for range blocks % 512 {
			for random.IntN(10) == 0 {
				n := random.Uint32N(6000)
				e.SetLimit(n)
				d.SetAllowedMaxDynamicTableSize(n)
			}
			status := 100 + random.IntN(900)
			b := e.Status(e.Begin(nil), status)
			want := []xnet.HeaderField{{Name: ":status", Value: fmt.Sprint(status)}}
			for range random.IntN(20) {
				name, value := names[random.IntN(len(names))], values[random.IntN(len(values))]
				b = e.Field(b, name, value)
				lower := strings.ToLower(name)
				want = append(want, xnet.HeaderField{Name: lower, Value: value, Sensitive: lower == "set-cookie"})
			}
			got, err := d.DecodeFull(bytes.Clone(b))
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("%v\ngot  %.500v\nwant %.500v", err, fmt.Sprint(got), fmt.Sprint(want))
			}
			if e.size > e.limit {
				t.Fatalf("the table has %d bytes of %d", e.size, e.limit)
			}
		}
	})
}
