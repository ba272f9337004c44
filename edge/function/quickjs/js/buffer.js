// Buffer, of the runtime 2.0: what Node.js has by that name, as far as it is about bytes.
const { define, encoding, toBinary } = globalThis.$internal;
const internal = globalThis.$internal;
const wrap = (view) => Object.setPrototypeOf(view, Buffer.prototype);
const ofBinary = (binary) => {
  const b = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) b[i] = binary.charCodeAt(i);
  return wrap(b);
};
class Buffer extends Uint8Array {
  static from(value, second, length) {
    if (typeof value === 'string') return ofBinary(encoding(second)[1](value));
    if (value instanceof ArrayBuffer) return wrap(new Uint8Array(value, second, length));
    if (ArrayBuffer.isView(value) || Array.isArray(value)) return wrap(new Uint8Array(value));
    if (value !== null && typeof value === 'object' && value.type === 'Buffer' && Array.isArray(value.data)) return wrap(new Uint8Array(value.data));
    throw new TypeError('first argument is not a string or Buffer-like object');
  }
  static alloc(size, fill, name) {
    const b = wrap(new Uint8Array(size));
    return fill === undefined ? b : b.fill(fill, 0, size, name);
  }
  static allocUnsafe(size) { return Buffer.alloc(size); }
  static isBuffer(value) { return value instanceof Buffer; }
  static isEncoding(name) { try { encoding(name); return typeof name === 'string'; } catch { return false; } }
  static byteLength(value, name) { return typeof value === 'string' ? encoding(name)[1](value).length : value.byteLength; }
  static concat(list, length) {
    const out = Buffer.alloc(length ?? list.reduce((n, b) => n + b.length, 0));
    let at = 0;
    for (const b of list) {
      const part = b.subarray(0, Math.max(0, out.length - at));
      out.set(part, at);
      at += part.length;
    }
    return out;
  }
  static compare(a, b) {
    for (let i = 0; i < a.length && i < b.length; i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
    return Math.sign(a.length - b.length);
  }
  toString(name, start, end) { return encoding(name)[0](toBinary(this.subarray(start ?? 0, end ?? this.length))); }
  toJSON() { return { type: 'Buffer', data: Array.from(this) }; }
  equals(other) { return Buffer.compare(this, other) === 0; }
  compare(other) { return Buffer.compare(this, other); }
  slice(start, end) { return this.subarray(start, end); }
  subarray(start, end) { return wrap(Uint8Array.prototype.subarray.call(wrapped(this), start, end)); }
  copy(target, at = 0, start = 0, end = this.length) {
    const part = this.subarray(start, Math.min(end, start + target.length - at));
    target.set(part, at);
    return part.length;
  }
  fill(value, start = 0, end = this.length, name = 'utf8') {
    if (typeof value === 'number') return Uint8Array.prototype.fill.call(this, value, start, end);
    const bytes = typeof value === 'string' ? Buffer.from(value, name) : value;
    for (let i = start; i < end; i++) this[i] = bytes.length > 0 ? bytes[(i - start) % bytes.length] : 0;
    return this;
  }
  indexOf(value, from = 0, name = 'utf8') {
    if (typeof value === 'number') return Uint8Array.prototype.indexOf.call(this, value & 255, from);
    return toBinary(this).indexOf(toBinary(typeof value === 'string' ? Buffer.from(value, name) : value), from);
  }
  includes(value, from, name) { return this.indexOf(value, from, name) >= 0; }
  write(text, at = 0, length = this.length - at, name = 'utf8') {
    const part = Buffer.from(text, name).subarray(0, Math.min(length, this.length - at));
    this.set(part, at);
    return part.length;
  }
}
// A view of the same bytes that is no Buffer: subarray would make one by its constructor.
const wrapped = (b) => new Uint8Array(b.buffer, b.byteOffset, b.length);
const view = (b) => new DataView(b.buffer, b.byteOffset, b.length);
for (const [name, kind, size] of [['UInt8', 'Uint8', 1], ['Int8', 'Int8', 1], ['UInt16', 'Uint16', 2], ['Int16', 'Int16', 2],
  ['UInt32', 'Uint32', 4], ['Int32', 'Int32', 4], ['Float', 'Float32', 4], ['Double', 'Float64', 8]]) {
  for (const order of size === 1 ? [''] : ['LE', 'BE']) {
    define(Buffer.prototype, `read${name}${order}`, function read(at = 0) { return view(this)[`get${kind}`](at, order === 'LE'); });
    define(Buffer.prototype, `write${name}${order}`, function write(value, at = 0) {
      view(this)[`set${kind}`](at, value, order === 'LE');
      return at + size;
    });
  }
}
internal.bytes = ofBinary;
internal.modules.buffer = { Buffer };
define(globalThis, 'Buffer', Buffer);
export { Buffer };
export default { Buffer };
