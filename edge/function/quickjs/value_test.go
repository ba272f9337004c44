package quickjs

import (
	"encoding/json"
	"reflect"
	"testing"
)

// TestParseJSON reads what JSON leaves open as JavaScript does.
func TestParseJSON(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":1,"b":[{}],"a":{"c":"<&>"}}`: `{"a":{"c":"<&>"},"b":[{}]}`,
		`{"a":{"x":1},"a":1,"a":2,"b":3}`:  `{"a":2,"b":3}`,
		` [1e2, -0.5, true , null, ""] `:   `[100,-0.5,true,null,""]`,
	} {
		v, err := ParseJSON([]byte(text))
		if err != nil || v.JSON() != want {
			t.Errorf("%s: %s, %v, want %s", text, v.JSON(), err, want)
		}
	}
}

// FuzzParseJSON: what is JSON is read as encoding/json does it, and nothing else is.
func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{
		`{}`, `[]`, ` { "a" : 1 , "b":[1,{"c":"]"}], "\u0061\n":"\"}" } `, `[1, -2.5e3 ,true,null,"x\\",{"a":{}},[[]]]`, `{"a":"\ud800","é":"` + "\xff" + `"}`,
		`{"a":`, `[`, `{"a"}`, `[,]`, `"x`, `{"a":1}}`, `12`, "", `{"a":1,"a":{"b":2},"a":[]}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseJSON([]byte(text))
		var want any
		if wantErr := json.Unmarshal([]byte(text), &want); (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: %v, encoding/json: %v", text, err, wantErr)
		}
		if err != nil {
			return
		}
		var got any
		if err := json.Unmarshal([]byte(v.JSON()), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %s, want %v, %v", text, v.JSON(), want, err)
		}
	})
}

// FuzzThrough: what goes into an instance is what comes out of it, written down by the
// engine or, where its value is no data alone, as JSON.
func FuzzThrough(f *testing.F) {
	for _, s := range []string{
		testEvent, `{"1":{"01":-1},"4294967296":[2147483648,1.5],"__proto__":{"constructor":"\u0000"},"":"€\ud83d\ude00é"}`, `[[],{},"",0,null,true]`, `{"value":{"then":1},"toString":"x"}`,
	} {
		f.Add(s)
	}
	i := fresh(f, `function handler(e) { const v = e.request; return e.viewer === 1 ? {v, get forced() { return undefined }} : {v} }`)
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseJSON([]byte(text))
		if err != nil || len(text) > 4000 {
			return
		}
		for _, forced := range []string{"0", "1"} {
			w := &Writer{}
			w.Object(2)
			w.Known("viewer")
			write(w, Value{{Kind: Number, Number: float64(forced[0] - '0'), size: 1}})
			w.Known("request")
			w.Object(1)
			w.Known("value")
			write(w, v)
			made, err := i.Run(w, testHost(), 10*testFuel)
			if err != nil || made.Failed != "" {
				t.Fatalf("%q: %q, %v", text, made.Failed, err)
			}
			got := made.Returned.Get("v").Get("value")
			if !sameValue(got, v) {
				t.Errorf("%q: %s, want %s (as JSON: %s)", text, got.JSON(), v.JSON(), forced)
			}
		}
	})
}

// sameValue compares as JavaScript sees it: members that are numbers are in another order.
func sameValue(a, b Value) bool {
	var x, y any
	return json.Unmarshal([]byte(a.JSON()), &x) == nil && json.Unmarshal([]byte(b.JSON()), &y) == nil && reflect.DeepEqual(x, y)
}

// fresh is an instance of a function.
func fresh(t testing.TB, code string) *Instance {
	t.Helper()
	p, err := engines().Compile(V2, code, testHost(), testFuel)
	if err != nil {
		t.Fatal(err)
	}
	i, err := p.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.Close)
	return i
}

// FuzzReadWire: what no engine writes is refused, whatever it is.
func FuzzReadWire(f *testing.F) {
	w := written(f, testEvent)
	f.Add(w.appendTo(nil))
	f.Add([]byte{wireVersion, 0, 0, 0, 0, 1, 1, 5, 'a', 0, wireObject, 1, 2, wireArray, 1, wireInt32, 1})
	f.Add([]byte{wireVersion, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, wireArray, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := readWire(string(b), []string{"", "value"}, nil)
		if err != nil {
			return
		}
		if len(v) == 0 || int(v[0].size) != len(v) || !json.Valid([]byte(v.JSON())) {
			t.Errorf("%q: %v", b, v)
		}
	})
}
