// The globals of CloudFront Functions, and what runs a handler. Nothing here trusts what
// ran before it: it runs first, and keeps what it uses later.
const host = globalThis.$host;
delete globalThis.$host;
const RESULT = 0, FAILED = 1, LOG = 2, RANDOM = 3, DIGEST = 4, ASK = 5, UTF8 = 6, BYTES = 7, VALUE = 8;

const { parse, stringify } = JSON;
const { defineProperty, keys } = Object;
const { isArray } = Array;
const { fromCharCode } = String;
const isView = ArrayBuffer.isView;
const define = (o, name, value) => defineProperty(o, name, { __proto__: null, value, writable: true, configurable: true, enumerable: false });

// Bytes travel as strings of one character each.
const toBinary = (view) => {
  const bytes = view instanceof ArrayBuffer ? new Uint8Array(view) : new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  let s = '';
  for (let i = 0; i < bytes.length; i += 1024) s += fromCharCode.apply(null, bytes.subarray(i, i + 1024));
  return s;
};
const utf8Decode = (binary) => host(UTF8, binary);
const utf8Encode = (text) => host(BYTES, `${text}`);

const hexDigits = '0123456789abcdef';
const toHex = (binary) => {
  let s = '';
  for (let i = 0; i < binary.length; i++) s += hexDigits[binary.charCodeAt(i) >> 4] + hexDigits[binary.charCodeAt(i) & 15];
  return s;
};
const fromHex = (text) => {
  let s = '';
  for (let i = 0; i + 1 < text.length; i += 2) {
    const n = parseInt(text.slice(i, i + 2), 16);
    if (!/^[0-9a-fA-F]{2}$/.test(text.slice(i, i + 2))) break;
    s += fromCharCode(n);
  }
  return s;
};
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const toBase64 = (binary) => {
  let s = '';
  for (let i = 0; i < binary.length; i += 3) {
    const left = binary.length - i;
    const n = binary.charCodeAt(i) << 16 | (left > 1 ? binary.charCodeAt(i + 1) << 8 : 0) | (left > 2 ? binary.charCodeAt(i + 2) : 0);
    s += alphabet[n >> 18] + alphabet[n >> 12 & 63] + (left > 1 ? alphabet[n >> 6 & 63] : '=') + (left > 2 ? alphabet[n & 63] : '=');
  }
  return s;
};
const toBase64url = (binary) => toBase64(binary).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
const sixBits = { '-': 62, '_': 63 };
for (let i = 0; i < 64; i++) sixBits[alphabet[i]] = i;
// Both alphabets are read, and what is in neither is passed over, as Node.js does.
const fromBase64 = (text) => {
  let s = '', bits = 0, count = 0;
  for (const c of text) {
    if (c === '=') break;
    const n = sixBits[c];
    if (n === undefined) continue;
    bits = bits << 6 | n;
    count += 6;
    if (count >= 8) {
      count -= 8;
      s += fromCharCode(bits >> count & 255);
      bits &= (1 << count) - 1;
    }
  }
  return s;
};
const encodings = {
  utf8: [utf8Decode, utf8Encode], hex: [toHex, fromHex], base64: [toBase64, fromBase64], base64url: [toBase64url, fromBase64],
  latin1: [(b) => b, (t) => { let s = ''; for (let i = 0; i < t.length; i++) s += fromCharCode(t.charCodeAt(i) & 255); return s; }],
};
encodings['utf-8'] = encodings.utf8;
encodings.binary = encodings.ascii = encodings.latin1;
const encoding = (name) => {
  const e = encodings[`${name === undefined ? 'utf8' : name}`.toLowerCase()];
  if (e === undefined || typeof e === 'function') throw new TypeError(`Unknown encoding: ${name}`);
  return e;
};

const describe = (v) => {
  if (typeof v === 'string') return v;
  if (v instanceof Error) return `${v}`;
  if (v !== null && typeof v === 'object') {
    try {
      const s = stringify(v);
      if (s !== undefined) return s;
    } catch { /* it has a cycle, or more of its own to say */ }
  }
  return String(v);
};
define(globalThis, 'console', { log: (...args) => { host(LOG, args.map(describe).join(' ')); } });

// Copies of one memory would all draw the same numbers.
define(Math, 'random', () => ((host(RANDOM) >>> 5) * 67108864 + (host(RANDOM) >>> 6)) / 9007199254740992);

// There is no eval, and no other way to make code of a text.
delete globalThis.eval;
const refuse = () => { throw new EvalError('Code generation from strings is disallowed for this context'); };
define(globalThis, 'eval', refuse);
for (const f of [function () {}, async function () {}, function* () {}, async function* () {}]) {
  const proto = Object.getPrototypeOf(f);
  const refused = function Function() { refuse(); };
  refused.prototype = proto;
  defineProperty(proto, 'constructor', { value: refused, writable: false, configurable: false });
  if (proto === Function.prototype) define(globalThis, 'Function', refused);
}

const digests = (name, key) => {
  const algorithm = `${name}`.toLowerCase();
  if (!['md5', 'sha1', 'sha256'].includes(algorithm)) throw new TypeError(`Unsupported algorithm: "${name}"`);
  const part = (data) => {
    if (typeof data === 'string') return ['u', data];
    if (data instanceof ArrayBuffer || isView(data)) return ['b', toBinary(data)];
    throw new TypeError('data is not a string or Buffer-like object');
  };
  const [keyKind, keyText] = key === undefined ? ['', ''] : part(key);
  let parts = [];
  return {
    update(data, encodingName) {
      if (parts === undefined) throw new Error('Digest already called');
      if (typeof data === 'string' && encodingName !== undefined) parts.push('b', encoding(encodingName)[1](data));
      else parts.push(...part(data));
      return this;
    },
    digest(encodingName) {
      if (parts === undefined) throw new Error('Digest already called');
      let binary = '';
      while (parts.length > 40) parts = ['b', joined(parts.splice(0, 40))].concat(parts);
      binary = fromHex(host(DIGEST, algorithm, keyKind, keyText, ...parts));
      parts = undefined;
      if (encodingName !== undefined && !['hex', 'base64', 'base64url'].includes(encodingName)) throw new TypeError(`Unknown digest encoding: "${encodingName}"`);
      return encodingName === undefined ? internal.bytes(binary) : encoding(encodingName)[0](binary);
    },
  };
};
const joined = (parts) => {
  let s = '';
  for (let i = 0; i < parts.length; i += 2) s += parts[i] === 'b' ? parts[i + 1] : utf8Encode(parts[i + 1]);
  return s;
};
const crypto = {
  createHash: (algorithm) => digests(algorithm),
  createHmac: (algorithm, key) => {
    if (key === undefined) throw new TypeError('key is not a string or Buffer-like object');
    return digests(algorithm, key);
  },
};

const escape = (s) => encodeURIComponent(s);
const unescape = (s) => {
  try {
    return decodeURIComponent(s);
  } catch { // some of it is no UTF-8
    return utf8Decode(`${s}`.replace(/[^\0-\xff]/g, (c) => utf8Encode(c)).replace(/%([0-9a-fA-F]{2})/g, (_, h) => fromCharCode(parseInt(h, 16))));
  }
};
const querystring = {
  escape, unescape,
  parse(text, separator, equal, options) {
    const out = {}, decode = options?.decodeURIComponent ?? querystring.unescape, most = options?.maxKeys ?? 1000;
    if (typeof text !== 'string' || text === '') return out;
    let pairs = text.split(separator || '&');
    if (most > 0) pairs = pairs.slice(0, most);
    for (const pair of pairs) {
      if (pair === '') continue;
      const at = pair.indexOf(equal || '=');
      const [name, value] = (at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + (equal || '=').length)]).map((s) => decode(s.replace(/\+/g, ' ')));
      if (!Object.hasOwn(out, name)) out[name] = value;
      else if (isArray(out[name])) out[name].push(value);
      else out[name] = [out[name], value];
    }
    return out;
  },
  stringify(object, separator, equal, options) {
    const encode = options?.encodeURIComponent ?? querystring.escape;
    const text = (v) => (typeof v === 'string' || typeof v === 'number' || typeof v === 'boolean' || typeof v === 'bigint' ? encode(`${v}`) : '');
    if (object === null || typeof object !== 'object') return '';
    return keys(object).flatMap((name) => (isArray(object[name]) ? object[name] : [object[name]]).map((v) => encode(name) + (equal || '=') + text(v))).join(separator || '&');
  },
};
querystring.decode = querystring.parse;
querystring.encode = querystring.stringify;

// The environment of the run under way, which is read when somebody asks for it.
let known;
const env = () => (known ??= parse(host(ASK, 'environment', '', '') ?? '{}'));

const internal = {
  host, ASK, define, encoding, toBinary, utf8Decode, env, stringify, parse,
  // What stands for bytes: a string of one character each, until there is Buffer.
  bytes: (binary) => binary,
  modules: { crypto, querystring },
};
define(globalThis, '$internal', internal);
define(globalThis, 'require', (name) => {
  const found = Object.hasOwn(internal.modules, name) ? internal.modules[name] : undefined;
  if (found === undefined) throw new Error(`Cannot find module "${name}"`);
  return found;
});

const place = /:(\d+):\d+\)?\s*$/m;
const fail = (e) => {
  let said = 'unknown';
  try {
    said = String(e);
    const at = e instanceof Error && place.exec(`${e.stack}`.split('\n').find((line) => line.includes('function.js')) ?? '');
    if (at) said += ` in ${at[1]}`;
  } catch { /* it will not say */ }
  host(FAILED, said);
};
const done = (result) => {
  try {
    if (host(VALUE, result)) return;
    const text = stringify(result); // there are getters, functions, or what is no plain object
    host(RESULT, text === undefined ? '' : text);
  } catch (e) {
    fail(e);
  }
};
const { then } = Promise.prototype;
const call = Function.prototype.call.bind(Function.prototype.call);
const IsPromise = Promise;
const rawQueryString = { __proto__: null, value: () => env().rawQueryString, writable: true, configurable: true, enumerable: false };
define(globalThis, '$run', (handler, event) => {
  try {
    if (event.request !== undefined) defineProperty(event.request, 'rawQueryString', rawQueryString);
    const result = handler(event);
    if (result instanceof IsPromise) call(then, result, done, fail);
    else done(result);
  } catch (e) {
    fail(e);
  }
});
