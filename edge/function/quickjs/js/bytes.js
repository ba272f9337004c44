// The byte strings of the runtime 1.0: a byte is a character below 256.
const { define, encoding, utf8Decode } = globalThis.$internal;
const codec = encoding;
define(String, 'bytesFrom', (from, name) => (typeof from === 'string' ? codec(name)[1](from) : String.fromCharCode(...from.map((n) => n & 255))));
define(String.prototype, 'fromBytes', function fromBytes(start, end) { return this.slice(start, end); });
define(String.prototype, 'toBytes', function toBytes(start, end) {
  const s = this.slice(start, end);
  return /[^\0-\xff]/.test(s) ? null : s;
});
define(String.prototype, 'fromUTF8', function fromUTF8(start, end) {
  const s = utf8Decode(this.slice(start, end));
  return s.includes('\ufffd') ? null : s;
});
define(String.prototype, 'toUTF8', function toUTF8(start, end) { return codec('utf8')[1](this.slice(start, end)); });
delete globalThis.atob;
delete globalThis.btoa;
delete globalThis.$internal;
