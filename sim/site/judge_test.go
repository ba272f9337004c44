package site

import (
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/warmfront/warmfront/sim/claim"
)

func TestJudge(t *testing.T) {
	start := time.Unix(1000, 0)
	completed := start.Add(10 * time.Second)
	plain := Object{Path: "/plain/0", Kind: Plain, Size: 200}
	missing := Object{Path: "/missing/0", Kind: Missing, Size: 100}
	h := claim.New([]string{plain.Path, missing.Path}, start)
	h.Raise(plain.Path, start)
	inv := &claim.Invalidation{ID: "I1", Paths: []string{"/plain/*"}, Floor: h.Floor([]string{"/plain/*"})}
	h.Raise(plain.Path, start) // 3
	h.Complete(inv, func() time.Time { return completed })

	answer := func(o Object, status, version int, body []byte) *Read {
		r := &Read{Object: o, Method: http.MethodGet, URI: o.Path, Started: completed, Status: status, Body: body, Answer: http.Header{}}
		if version != 0 {
			r.Answer.Set("X-Version", strconv.Itoa(version))
			r.Answer.Set("Etag", `"plain-`+strconv.Itoa(version)+`"`)
		}
		return r
	}
	with := func(r *Read, change func(*Read)) *Read { change(r); return r }
	mixture := append(plain.Body(2)[:100:100], plain.Body(3)[100:]...)
	for _, c := range []struct {
		name string
		read *Read
		want Offence
	}{
		{"current", answer(plain, 200, 3, plain.Body(3)), ""},
		{"as old as the invalidation", answer(plain, 200, 2, plain.Body(2)), ""},
		{"older", answer(plain, 200, 1, plain.Body(1)), Stale},
		{"older, asked for just before", with(answer(plain, 200, 1, plain.Body(1)), func(r *Read) { r.Started = completed.Add(-1) }), ""},
		{"older, a 304", answer(plain, 304, 1, nil), Stale},
		{"older, a HEAD", with(answer(plain, 200, 1, nil), func(r *Read) { r.Method = http.MethodHead }), Stale},
		{"a body of another version", answer(plain, 200, 3, plain.Body(2)), Mixed},
		{"two versions", answer(plain, 200, 3, mixture), Mixed},
		{"a head of two versions", with(answer(plain, 200, 3, plain.Body(3)), func(r *Read) { r.Answer.Set("Etag", `"plain-2"`) }), Mixed},
		{"cut off", with(answer(plain, 200, 3, plain.Body(3)[:20]), func(r *Read) { r.Err = errors.New("EOF") }), ""},
		{"cut off and nobody says so", answer(plain, 200, 3, plain.Body(3)[:20]), Mixed},
		{"a range", with(answer(plain, 206, 3, plain.Body(3)[50:60]), func(r *Read) { r.Answer.Set("Content-Range", "bytes 50-59/200") }), ""},
		{"a future version", answer(plain, 200, 4, plain.Body(4)), Odd},
		{"the edge's own error", answer(plain, 504, 0, nil), ""},
		{"the edge's own 403", answer(plain, 403, 0, nil), Odd},
		{"no answer", answer(plain, 0, 0, nil), ""},
		{"404 of an odd version", answer(missing, 404, 1, missing.Body(1)), ""},
		{"200 of an odd version", answer(missing, 200, 1, missing.Body(1)), Mixed},
	} {
		if got, why, _ := Judge(c.read, h); got != c.want {
			t.Errorf("%s: %q (%s), want %q", c.name, got, why, c.want)
		}
	}
}
