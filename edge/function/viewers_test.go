package function

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/message"
)

// TestViewersAtOnce has 64 viewers run one function, which tries all it can to keep what it
// sees and to tell the next one. (Without Instance.reset it fails.)
func TestViewersAtOnce(t *testing.T) {
	const viewers, each = 64, 30
	engine := engines()
	n := NewNode(Config{Engine: engine})
	in := testInfo(`let seen = [];
		function handler(e) {
			const r = e.request, own = r.headers['x-secret'].value;
			const others = seen.concat(globalThis.seen ?? [], Object.prototype.seen ?? [], Math.seen ?? []).filter((s) => s !== own);
			seen.push(own); globalThis.seen = Object.prototype.seen = Math.seen = seen;
			r.headers['x-own'] = {value: own};
			r.headers['x-others'] = {value: others.join() || 'none'};
			return r;
		}`, "")
	var all sync.WaitGroup
	for viewer := range viewers {
		all.Go(func() {
			for i := range each {
				r, own := testRequest(), strconv.Itoa(viewer)+"-"+strconv.Itoa(i)
				r.Header.Add("X-Secret", own)
				o := n.ViewerRequest(context.Background(), in, r)
				if o.Request == nil || o.Request.Header.Get("X-Own") != own || o.Request.Header.Get("X-Others") != "none" {
					t.Errorf("viewer %s: %+v", own, o)
					return
				}
			}
		})
	}
	all.Wait()
	engine.programs.mu.Lock()
	defer engine.programs.mu.Unlock()
	total := 0
	for _, p := range engine.programs.byKey {
		for _, i := range p.idle {
			total += i.Bytes()
		}
	}
	if total != engine.programs.bytes || total > maxIdleBytes {
		t.Errorf("%d bytes at rest, %d are known of", total, engine.programs.bytes)
	}
	if idle := len(engine.programs.byKey[programKey(in.Behavior.ViewerRequest)].idle); idle > 2*runtime.GOMAXPROCS(0)+mostStopped {
		t.Errorf("%d instances are at rest", idle)
	}
}

// TestStoreOfTheModule: code may take its key value store before there is any event.
func TestStoreOfTheModule(t *testing.T) {
	in := testInfo(`import cf from 'cloudfront'; const kvs = cf.kvs(), same = cf.kvs('ID'); async function handler(e) { e.request.uri = (await kvs.exists('a')) + '' === 'false' ? '/none' : '/'; return e.request }`, "")
	if o := NewNode(Config{Engine: engines()}).ViewerRequest(t.Context(), in, testRequest()); o.Fault == nil {
		t.Errorf("without a store: %+v", o)
	}
	in.Behavior.ViewerRequest.KeyValueStores = []string{"ID"}
	if o := NewNode(Config{Engine: engines()}).ViewerRequest(t.Context(), in, testRequest()); o.Request == nil || o.Request.Path != "/none" {
		t.Errorf("%+v", o)
	}
}

// TestInstancesAtRestAreBounded has more instances come to rest than there is room for, of
// two functions: those of the one that ran longest ago are freed.
func TestInstancesAtRestAreBounded(t *testing.T) {
	engine := engines()
	ps := &programs{byKey: map[string]*program{}}
	defer ps.closeAll()
	var first, second *program
	for n, key := range []string{"first", "second"} {
		f := testInfo(`function handler(e) { return e.request }`, "").Behavior.ViewerRequest
		made, err := engine.program(f)
		if err != nil {
			t.Fatal(err)
		}
		p := ps.named(key)
		p.made = made.made
		for range 40 {
			i, err := p.made.New()
			if err != nil {
				t.Fatal(err)
			}
			ps.give(key, p, i)
		}
		if first, second = second, p; n == 1 && (len(first.idle) >= 40 || len(second.idle) != 40) {
			t.Errorf("%d and %d are at rest", len(first.idle), len(second.idle))
		}
	}
	if ps.bytes > maxIdleBytes || ps.bytes < maxIdleBytes/2 {
		t.Errorf("%d bytes", ps.bytes)
	}
}

// TestNeighboursRun has a distribution's functions do their worst, from many viewers at
// once: what they are told is 503, and every run of the neighbour's function succeeds.
func TestNeighboursRun(t *testing.T) {
	n := NewNode(Config{Engine: engines()})
	stop := make(chan struct{})
	var hostile sync.WaitGroup
	for name, code := range hostileFunctions {
		in := testInfo(`function handler(e) { `+code+` }`, "")
		in.Plan = &cdn.Plan{ID: "EHOSTILE"}
		for range 2 {
			hostile.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if o := n.ViewerRequest(context.Background(), in, testRequest()); o.Fault == nil || o.Fault.Status < 502 {
						t.Errorf("%s: %+v", name, o)
						return
					}
				}
			})
		}
	}
	in := testInfo(`function handler(e) { e.request.headers['x-a'] = {value: '1'}; return e.request }`, "")
	for range 100 {
		if o := n.ViewerRequest(context.Background(), in, testRequest()); o.Request == nil {
			t.Errorf("%+v", o)
			break
		}
	}
	close(stop)
	hostile.Wait()
}

// hostileFunctions are what functions should not do.
var hostileFunctions = map[string]string{
	"loop":      `for (;;);`,
	"repeat":    `return 'x'.repeat(1e10)`,
	"array":     `const a = []; for (;;) a.push(new Array(1000).fill(a.length))`,
	"recursion": `const f = () => f() + 1; return f()`,
	"regexp":    `return /^(a+)+$/.test('a'.repeat(40) + 'b')`,
	"output":    `return {statusCode: 200, body: 'x'.repeat(1900000)}`,
	"header":    `e.request.headers['x'] = {value: 'a\r\nset-cookie: b=c'}; return e.request`,
	"promises":  `const f = () => Promise.resolve().then(f); return f()`,
	"sort":      `const a = [3, 2, 1]; for (;;) a.sort(() => 1)`,
}

// FuzzEvent: of any event that can be read, what a function gives back unchanged is what was
// given, or is refused; and whatever a function makes of it, nothing goes on that no
// header, path or status may be.
func FuzzEvent(f *testing.F) {
	for _, s := range [][2]string{
		{`{"context":{"eventType":"viewer-request"},"viewer":{"ip":"1.2.3.4"},"request":{"method":"GET","uri":"/a%20b","querystring":{"x":{"value":"1","multiValue":[{"value":"1"},{"value":"2"}]},"2":{"value":""}},"headers":{"host":{"value":"a"},"accept":{"value":"é"}},"cookies":{"s":{"value":"1"}}}}`, `{"statusCode":302,"statusDescription":"Found","headers":{"location":{"value":"/b"}},"cookies":{"a":{"value":"1","attributes":"Secure"}},"body":{"encoding":"base64","data":"aGk="}}`},
		{`{"context":{"eventType":"viewer-response","distributionId":"E"},"request":{"method":"GET","uri":"/"},"response":{"statusCode":200,"headers":{"content-type":{"value":"a"}},"cookies":{"a":{"value":"1","attributes":"Path=/"}}}}`, `{"statusCode":200,"headers":{"x-a":{"value":"a\r\nb"}}}`},
		{`{"context":{"eventType":"viewer-request"},"request":{"method":"GET","uri":"/"}}`, `{"method":"GET","uri":"/x","headers":{"x-b":{"value":"1","multiValue":[{"value":"2"}]}},"querystring":{"a":{"value":"b&c"}},"cookies":{"c":{"value":"d;e"}}}`},
	} {
		f.Add(s[0], s[1])
	}
	code := testInfo(`function handler(e) { return 'x-returned' in e.request.headers ? JSON.parse(e.request.headers['x-returned'].value) : e.response ?? e.request }`, "").Behavior.ViewerRequest
	f.Fuzz(func(t *testing.T, raw, returned string) {
		if len(raw)+len(returned) > 8000 {
			return
		}
		e, err := ParseEvent([]byte(raw))
		if err != nil {
			return
		}
		run := func() Report {
			report, err := engines().Test(t.Context(), Run{Event: e, Function: code, Now: testInfo("", "").Now})
			if err != nil {
				t.Fatal(err)
			}
			harmless(t, report)
			return report
		}
		if e.Request.Headers.Get("x-returned") == nil {
			e.Request.Headers = settled(e.Request.Headers)
			report := run()
			switch was := e.Response; {
			case report.Failure != nil:
			case was == nil && report.Returned.Request != nil:
				if r := report.Returned.Request; r.URI != e.Request.URI || !same(r.Headers, e.Request.Headers) {
					t.Errorf("%q: %+v, want %+v", raw, r, e.Request)
				}
			case was != nil && report.Returned.Response != nil:
				if r := report.Returned.Response; r.Status != was.Status || r.Description != was.Description {
					t.Errorf("%q: %+v, want %+v", raw, r, was)
				}
			}
			e.Request.Headers = append(e.Request.Headers, Item{Name: "x-returned", Values: []string{returned}})
		}
		run()
	})
}

// settled are items as an edge makes them of messages: each value once.
func settled(items Items) Items {
	for n := range items {
		if v := items[n].Values; len(v) > 1 {
			items[n].Values = v[1:]
			items[n].Attributes = items[n].Attributes[1:]
		}
	}
	return items
}

// harmless holds what a function is let do against what messages may be.
func harmless(t *testing.T, report Report) {
	t.Helper()
	if report.Failure != nil {
		return
	}
	var headers, all Items
	if r := report.Returned.Request; r != nil {
		headers, all = r.Headers, r.Cookies
		m := r.apply(&Request{}, &message.Request{Method: "GET", Path: "/", Header: message.Header{}}, nil)
		if m != nil && (m.Path[0] != '/' || bad(m.Path+m.Query)) {
			t.Errorf("%q?%q goes on", m.Path, m.Query)
		}
	}
	if r := report.Returned.Response; r != nil {
		headers, all = r.Headers, r.Cookies
		if r.Status < 200 || r.Status > 599 || bad(r.Description) || len(r.Body) > maxBody {
			t.Errorf("the status %d %q, %d bytes", r.Status, r.Description, len(r.Body))
		}
	}
	for _, item := range headers {
		if Disallowed(item.Name) {
			t.Errorf("%q goes on", item.Name)
		}
	}
	for _, item := range append(headers, all...) {
		for n, v := range item.Values {
			if bad(item.Name+v) || n < len(item.Attributes) && bad(item.Attributes[n]) {
				t.Errorf("%+v goes on", item)
			}
		}
	}
}

// bad reports whether a text would end a line, or a request.
func bad(s string) bool {
	for n := range len(s) {
		if s[n] == '\r' || s[n] == '\n' || s[n] == 0 {
			return true
		}
	}
	return false
}

// TestPrepared: when Prepare has returned, a function's code has started.
func TestPrepared(t *testing.T) {
	engine := NewEngine(engines().js.CacheDir)
	defer func() { _ = engine.Close() }()
	n := NewNode(Config{Engine: engine})
	in := testInfo(`const made = 'in TestPrepared'; function handler(e) { return e.request }`, "")
	s := cdn.NewState(1)
	s.Plans = map[string]*cdn.Plan{"E1": {ID: "E1", Behaviors: []cdn.Behavior{*in.Behavior}}}
	began := time.Now()
	n.Prepare(s)
	engine.programs.mu.Lock()
	p := engine.programs.byKey[programKey(in.Behavior.ViewerRequest)]
	engine.programs.mu.Unlock()
	if took := time.Since(began); took < maxPrepare && (p == nil || p.made == nil) {
		t.Errorf("not started after %v", took)
	}
	if o := n.ViewerRequest(t.Context(), in, testRequest()); o.Fault != nil {
		t.Errorf("%+v", o)
	}
}
