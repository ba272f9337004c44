package quickjs

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// engines is one engine for all tests: it takes seconds to compile where no cache is.
var engines = sync.OnceValue(func() *Engine {
	e := &Engine{}
	if dir, err := os.UserCacheDir(); err == nil {
		e.CacheDir = filepath.Join(dir, "warmfront", "functions")
	}
	return e
})

const testFuel = 500_000

const testEvent = `{"version":"1.0","context":{"distributionDomainName":"d111111abcdef8.cloudfront.net","distributionId":"EDFDVBD6EXAMPLE",` +
	`"eventType":"viewer-request","requestId":"EXAMPLEntjQpEXAMPLE_SG5Z-EXAMPLEPmPfEXAMPLEu3EqEXAMPLE=="},"viewer":{"ip":"198.51.100.11"},` +
	`"request":{"method":"GET","uri":"/media/index.mpd","querystring":{"id":{"value":"42"}},"headers":{"host":{"value":"video.example.com"},` +
	`"user-agent":{"value":"Mozilla/5.0"},"accept":{"value":"text/html"},"accept-encoding":{"value":"gzip, br"}},"cookies":{"id":{"value":"CookieIdValue"}}}}`

func testHost() *Host {
	n := uint64(0)
	return &Host{
		Now: time.UnixMilli(1_700_000_000_123), Random: func() uint64 { n += 0x9e3779b97f4a7c15; return n },
		Ask: func(question, _, key string) (string, bool) {
			switch question {
			case "store":
				return "id", true
			case "environment":
				return `{"rawQueryString":"id=42","edgeLocation":{"name":"SYD"}}`, true
			case "meta":
				return `{"keyCount":2}`, true
			}
			s, found := map[string]string{"a": "héé", "j": `{"x":[1]}`}[key]
			return s, found
		},
	}
}

// written is a value, of JSON, for an instance.
func written(t testing.TB, text string) *Writer {
	t.Helper()
	v, err := ParseJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	w := &Writer{}
	write(w, v)
	return w
}

func write(w *Writer, v Value) {
	switch v.Kind() {
	case False, True:
		w.body = append(w.body, wireFalse+byte(v.Kind()-False))
	case Number:
		if n := int32(v[0].Number); float64(n) == v[0].Number {
			w.Int(n)
			return
		}
		w.body = binary.LittleEndian.AppendUint64(append(w.body, wireFloat64), math.Float64bits(v[0].Number))
	case String:
		w.Text(v[0].Text)
	case Array:
		w.Array(v.Count())
		for one := range v.Each() {
			write(w, one)
		}
	case Object:
		w.Object(v.Count())
		for m := range v.Each() {
			w.Member(m[0].Name)
			write(w, m)
		}
	default:
		w.body = append(w.body, wireNull)
	}
}

// run compiles and runs a function.
func run(t testing.TB, v Version, code string, h *Host) (Made, error) {
	t.Helper()
	p, err := engines().Compile(v, code, h, 10*testFuel)
	if err != nil {
		return Made{}, err
	}
	i, err := p.New()
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	return i.Run(written(t, testEvent), h, testFuel)
}

func TestRun(t *testing.T) {
	for name, tc := range map[string]struct {
		v    Version
		code string
		want string
	}{
		"changed":     {V2, `function handler(e) { e.request.headers.x = {value: '1'}; return e.request.headers.x }`, `{"value":"1"}`},
		"arrow":       {V2, `const handler = (e) => e.request.uri`, `"/media/index.mpd"`},
		"async":       {V2, `async function handler(e) { await null; return e.viewer.ip }`, `"198.51.100.11"`},
		"1.0":         {V1, `var c = require('crypto'); function handler(e) { return c.createHash('md5').update('abc').digest('hex') }`, `"900150983cd24fb0d6963f7d28e17f72"`},
		"bytes 1.0":   {V1, `function handler() { return [String.bytesFrom('aMOp', 'base64').fromUTF8(), 'é'.toUTF8().length, String.bytesFrom([104, 105])] }`, `["hé",2,"hi"]`},
		"sha256":      {V2, `import c from 'crypto'; function handler() { return c.createHash('sha256').update('a').update(Buffer.from('bc')).digest('hex') }`, `"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"`},
		"sha1":        {V2, `import {createHash} from 'crypto'; function handler() { return createHash('sha1').update('abc').digest('base64') }`, `"qZk+NkcGgWq6PiVxeFDCbJzQ2J0="`},
		"hmac":        {V2, `import c from 'crypto'; function handler() { return c.createHmac('sha256', 'key').update('The quick brown fox jumps over the lazy dog').digest('base64url') }`, `"97yD9DBThCSxMpjmqm-xQ-9NWaFJRhdZl0edvC0aPNg"`},
		"hmac binary": {V2, `import c from 'crypto'; function handler() { return c.createHmac('md5', Buffer.from('6b6579', 'hex')).update('x').digest().toString('hex') }`, `"73d8b173b9fd35a933e2f69033f551c3"`},
		"many parts":  {V2, `import c from 'crypto'; function handler() { const h = c.createHash('md5'); for (let i = 0; i < 100; i++) h.update('é'); return h.digest('hex') === c.createHash('md5').update('é'.repeat(100)).digest('hex') }`, `true`},
		"querystring": {V2, `import q from 'querystring'; function handler() { return [q.parse('a=1&b=%C3%A9&a=3&c'), q.stringify({a: [1, 'x y'], b: true, c: ''}), q.unescape('%ff')] }`, `[{"a":["1","3"],"b":"é","c":""},"a=1&a=x%20y&b=true&c=","�"]`},
		"buffer":      {V2, `function handler() { const b = Buffer.from('héllo'); return [b.toString('base64'), b.toString('hex'), b.length, Buffer.from('aGk', 'base64url').toString(), Buffer.concat([b, Buffer.from([33])]).toString(), b.slice(0, 3).toString(), Buffer.alloc(4).fill('ab').toString(), b.indexOf('l'), b.equals(Buffer.from('héllo')), b.subarray(1) instanceof Buffer] }`, `["aMOpbGxv","68c3a96c6c6f",6,"hi","héllo!","hé","abab",3,true,true]`},
		"numbers":     {V2, `function handler() { const b = Buffer.alloc(8); b.writeUInt32BE(0xdeadbeef, 0); b.writeInt16LE(-2, 4); return [b.readUInt32BE(0), b.readInt16LE(4), b.toJSON().data.slice(0, 6)] }`, `[3735928559,-2,[222,173,190,239,254,255]]`},
		"base64":      {V2, `function handler() { return [atob('aGk='), btoa('hi')] }`, `["hi","aGk="]`},
		"kvs":         {V2, `import cf from 'cloudfront'; async function handler() { const k = cf.kvs(); return [await k.get('a'), await k.get('j', {format: 'json'}), (await k.get('a', {format: 'bytes'})).length, await k.exists('a'), await k.exists('z'), await k.count(), (await k.meta()).keyCount, await k.get('z').catch((e) => e.message)] }`, `["héé",{"x":[1]},5,true,false,2,2,"KeyNotFound"]`},
		"environment": {V2, `import cf from 'cloudfront'; function handler(e) { return [e.request.rawQueryString(), cf.edgeLocation, 'rawQueryString' in JSON.parse(JSON.stringify(e.request))] }`, `["id=42",{"name":"SYD"},false]`},
		"time":        {V2, `function handler() { const a = Date.now(); for (let i = 0; i < 1000; i++); return [a, Date.now() - a, new Date().getTime() - a] }`, `[1700000000123,0,0]`},
		"random":      {V2, `function handler() { const a = Math.random(), b = Math.random(); return a !== b && a >= 0 && a < 1 && b < 1 }`, `true`},
		"regexp":      {V2, `function handler(e) { return e.request.uri.replace(/^\/(?<dir>\w+)\/(.*)$/, '/$<dir>-2/$2') }`, `"/media-2/index.mpd"`},
		"unicode":     {V2, `function handler() { return '\u{1f600}é\ud800' }`, `"😀é�"`},
		"undefined":   {V2, `function handler() {}`, ``},
		"strict":      {V2, `function handler() { try { undeclared = 1 } catch (e) { return e.name } }`, `"ReferenceError"`},
		"deep enough": {V2, `function handler() { const f = (n) => n > 0 ? f(n - 1) + 1 : 0; return f(500) }`, `500`},
		"stack caught": {V2, `function handler() { const f = () => f() + 1; try { f() } catch (e) { return String(e) } }`,
			`"RangeError: Maximum call stack size exceeded"`},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := run(t, tc.v, tc.code, testHost())
			if err != nil || made.Failed != "" || made.Returned.JSON() != tc.want {
				t.Errorf("%q, failed %q, %v; want %q", made.Returned.JSON(), made.Failed, err, tc.want)
			}
		})
	}
}

// TestHostile has code do what it must not: it fails, within its limits, and the engine runs
// the next one.
func TestHostile(t *testing.T) {
	const work, memory = "compute", "memory"
	for name, tc := range map[string]struct{ code, want string }{
		"endless":            {`function handler() { for (;;); }`, work},
		"endless built-in":   {`function handler() { return [].indexOf.call({length: 2 ** 53 - 1}, 1) }`, work},
		"endless copying":    {`function handler() { const a = new Uint8Array(1 << 19); for (;;) a.slice() }`, work},
		"endless filling":    {`function handler() { const a = new Uint8Array(1 << 20); for (;;) a.fill(1) }`, work},
		"endless microtasks": {`function handler() { const f = () => Promise.resolve().then(f); return f() }`, work},
		"endless getter":     {`function handler() { return { get a() { for (;;); } } }`, work},
		"endless toString":   {`function handler() { throw { toString() { for (;;); } } }`, work},
		"endless sort":       {`function handler() { const a = [3, 2, 1]; for (;;) a.sort(() => 1) }`, work},
		"endless hashing":    {`import c from 'crypto'; function handler() { const s = 'x'.repeat(100000); for (;;) c.createHash('md5').update(s).digest('hex') }`, work},
		"regexp":             {`function handler() { return /^(a+)+$/.test('a'.repeat(40) + 'b') }`, work},
		"numbers":            {`function handler() { let a = 3n; for (;;) a = a * a }`, ""},
		"repeat":             {`function handler() { return 'x'.repeat(1e10) }`, "RangeError"},
		"repeat, allowed":    {`function handler() { return 'x'.repeat(2 ** 29) }`, memory},
		"growing":            {`function handler() { const a = ['x'.repeat(1000)]; for (;;) a.push(a[0] + a.length) }`, ""},
		"growing, caught":    {`function handler() { const a = []; for (;;) { try { for (;;) a.push(new Uint8Array(10000)) } catch { a.push(1) } } }`, ""},
		"array":              {`function handler() { return new Array(2 ** 32 - 1).fill(0) }`, ""},
		"buffer":             {`function handler() { return new ArrayBuffer(2 ** 31) }`, ""},
		"recursion":          {`function handler() { const f = () => f() + 1; return f() }`, "RangeError"},
		"nested arrays":      {`function handler() { let a = []; for (let i = 0; i < 20000; i++) a = [a]; return a }`, ""},
		"nested JSON":        {`function handler() { return JSON.parse('['.repeat(50000)) }`, ""},
		"nested regexp":      {`function handler() { return new RegExp('(?:'.repeat(30000)) }`, ""},
		"proxies":            {`function handler() { let p = {}; for (let i = 0; i < 20000; i++) p = new Proxy(p, {}); return p.x }`, ""},
		"never":              {`function handler() { return new Promise(() => {}) }`, "never settled"},
		"rejected":           {`async function handler() { throw new Error('no') }`, "Error: no"},
		"cycle":              {`function handler() { const a = {}; a.a = a; return a }`, "circular"},
		"symbol":             {`function handler() { throw Symbol('x') }`, "Symbol"},
		"eval":               {`function handler() { return eval('1') }`, "EvalError"},
		"eval, indirect":     {`function handler() { return (0, globalThis.eval)('1') }`, "EvalError"},
		"function":           {`function handler() { return new Function('return 1')() }`, "EvalError"},
		"constructor":        {`function handler() { return handler.constructor('return 1')() }`, "EvalError"},
		"async constructor":  {`function handler() { return (async () => {}).constructor('return 1')() }`, "EvalError"},
		"generator":          {`function handler() { return Object.getPrototypeOf(function* () {}).constructor('return 1')() }`, "EvalError"},
		"timers":             {`function handler() { setTimeout(() => {}, 1) }`, "ReferenceError"},
		"network":            {`function handler() { return fetch('http://127.0.0.1/') }`, "ReferenceError"},
		"std":                {`function handler() { return std.open('/etc/passwd', 'r') }`, "ReferenceError"},
		"process":            {`function handler() { return process.env }`, "ReferenceError"},
		"dynamic import":     {`async function handler() { return (await import('qjs:os')).exec(['id']) }`, "could not load module"},
		"file import":        {`async function handler() { return await import('/etc/passwd') }`, "could not load module"},
		"require":            {`function handler() { return require('fs') }`, "Cannot find module"},
		"host":               {`function handler() { return $host(0, 'x') }`, "ReferenceError"},
		"internals":          {`function handler() { return $internal.host }`, "ReferenceError"},
		"handler gone":       {`function handler() { if (!['$run', '$handler', '$host', '$internal'].some((n) => n in globalThis)) throw new Error('all gone') }`, "all gone"},
		"worker":             {`function handler() { return new Worker('x') }`, "ReferenceError"},
		"wait":               {`function handler() { return Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0) }`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := run(t, V2, tc.code, testHost())
			var cut *Cut
			switch {
			case err != nil && !errors.As(err, &cut):
				t.Fatalf("the engine failed: %v", err)
			case cut == nil && made.Failed == "":
				t.Fatalf("it returned %.200q", made.Returned.JSON())
			case cut != nil && tc.want == memory != cut.Memory && tc.want != "":
				t.Errorf("cut short by %v", cut.Why)
			case cut == nil && (tc.want == work || tc.want == memory || !strings.Contains(made.Failed, tc.want)):
				t.Errorf("failed with %q, not by %s", made.Failed, tc.want)
			}
		})
	}
	if made, err := run(t, V2, `function handler() { return 1 }`, testHost()); err != nil || made.Returned.JSON() != "1" {
		t.Errorf("afterwards: %+v, %v", made, err)
	}
}

// TestNotCompiled has code fail before there is a handler.
func TestNotCompiled(t *testing.T) {
	for name, tc := range map[string]struct {
		v          Version
		code, want string
	}{
		"syntax":         {V2, `function handler( {`, "SyntaxError"},
		"no handler":     {V2, `const x = 1`, "no function named handler"},
		"not a function": {V2, `const handler = 1`, "no function named handler"},
		"throws":         {V2, `throw new Error('early')`, "early"},
		"imports std":    {V2, `import * as std from 'qjs:std'; function handler() {}`, "could not load module"},
		"imports 1.0":    {V1, `import c from 'crypto'; function handler() {}`, "could not load module"},
		"endless":        {V2, `for (;;); function handler() {}`, "compute"},
		"waits":          {V2, `await new Promise(() => {}); function handler() {}`, "waits"},
		"comment":        {V2, `function handler() {} /*`, "SyntaxError"},
		"template":       {V2, "function handler() {} `", "SyntaxError"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := engines().Compile(tc.v, tc.code, testHost(), testFuel)
			var code *CodeError
			var cut *Cut
			if !errors.As(err, &code) && !errors.As(err, &cut) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}

// TestNothingIsKept: a run leaves nothing to the next one, in the module's scope, in what
// all objects share, or anywhere else in the memory of the instance, however it ended.
func TestNothingIsKept(t *testing.T) {
	i := fresh(t, `let kept = [], n = 0;
		export const f = async () => { await null; kept.push(1) };
		function handler(e) {
			const seen = [n++, kept.length, globalThis.left, Object.prototype.left, [].left, Array.prototype.push.left, JSON.left, Reflect.ownKeys(globalThis).length, e.request.headers.secret?.value];
			globalThis.left = Object.prototype.left = Array.prototype.push.left = JSON.left = 'of another viewer';
			Object.defineProperty(globalThis, e.request.uri.slice(1), {value: 1});
			Array.prototype.map = () => 1; Promise.prototype.then = () => 1; JSON.stringify = () => '"wrong"';
			kept.push(e); f(); new Promise(() => {}).then(() => kept);
			switch (e.request.method) {
				case 'LOOP': for (;;) kept.push(1);
				case 'THROW': throw new Error('x');
				case 'GROW': kept.push(new Uint8Array(1_500_000).fill(7)); break;
				case 'DEEP': { const deep = () => deep() + 1; deep(); }
				case 'NEVER': return new Promise(() => {});
			}
			return seen;
		}`)
	memory := func() string {
		b, _ := i.memory.Read(0, i.size()*pageSize)
		return string(b)
	}
	before, first := memory(), ""
	for _, method := range []string{"GET", "LOOP", "GET", "THROW", "GROW", "GET", "DEEP", "NEVER", "GROW", "LOOP", "GET"} {
		made, err := i.Run(written(t, `{"request":{"method":"`+method+`","uri":"/of-`+method+`","headers":{"secret":{"value":"s"}}}}`), testHost(), testFuel)
		if memory() != before {
			t.Fatalf("after %s the memory is another", method)
		}
		got := made.Returned.JSON()
		if first == "" {
			first = got
		}
		if method == "GET" && (err != nil || got != first || !strings.HasPrefix(got, `[0,0,null,`)) {
			t.Errorf("%q, %v, %s, want %s", made.Failed, err, got, first)
		}
	}
}

// TestFuelIsTheSame: how much work a run takes does not depend on when or beside what it
// runs.
func TestFuelIsTheSame(t *testing.T) {
	const code = `function handler(e) { let s = 0; for (let i = 0; i < 1000; i++) s += i; return s }`
	first, err := run(t, V2, code, testHost())
	if err != nil || first.Used < 1000 {
		t.Fatal(first, err)
	}
	var others sync.WaitGroup
	for range 4 {
		others.Go(func() {
			if made, err := run(t, V2, code, testHost()); err != nil || made.Used != first.Used {
				t.Errorf("%d, then %d: %v", first.Used, made.Used, err)
			}
		})
	}
	others.Wait()
}

// TestMemoryStaysSmall has an instance run for long without growing.
func TestMemoryStaysSmall(t *testing.T) {
	p, err := engines().Compile(V2, `function handler(e) { const a = {e}; a.a = a; e.request.headers.x = {value: 'y'.repeat(1000)}; return e.request }`, testHost(), testFuel)
	if err != nil {
		t.Fatal(err)
	}
	i, err := p.New()
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	for range 3000 {
		if _, err := i.Run(written(t, testEvent), testHost(), testFuel); err != nil {
			t.Fatal(err)
		}
	}
	if pages := i.memory.Size() / pageSize; pages > 16 {
		t.Errorf("%d pages", pages)
	}
}

func BenchmarkRun(b *testing.B) {
	p, err := engines().Compile(V2, `function handler(event) { event.request.headers.x = {value: '1'}; return event.request }`, nil, testFuel)
	if err != nil {
		b.Fatal(err)
	}
	i, err := p.New()
	if err != nil {
		b.Fatal(err)
	}
	h, w := testHost(), written(b, testEvent)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := i.Run(w, h, testFuel); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	p, err := engines().Compile(V2, `function handler(event) { return event.request }`, nil, testFuel)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		i, err := p.New()
		if err != nil {
			b.Fatal(err)
		}
		i.Close()
	}
}
