// The module cloudfront, of the runtime 2.0. It comes last, and takes away what the others
// were made with.
const { host, ASK, env, parse, stringify, modules, bytes, encoding } = globalThis.$internal;
const fromUTF8 = encoding('utf8')[1];
const store = (id) => {
  const known = host(ASK, 'store', id === undefined ? '' : `${id}`, '');
  if (known === undefined) throw new Error(id === undefined ? 'No key value store is associated with the function' : `The key value store ${id} is not associated with the function`);
  return {
    async get(key, options) {
      const value = host(ASK, 'get', known, `${key}`);
      if (value === undefined) throw new Error('KeyNotFound');
      switch (options?.format ?? 'string') {
        case 'string': return value;
        case 'json': return parse(value);
        case 'bytes': return bytes(fromUTF8(value));
      }
      throw new TypeError(`Unknown format: ${options.format}`);
    },
    async exists(key) { return host(ASK, 'get', known, `${key}`) !== undefined; },
    async count() { return parse(host(ASK, 'meta', known, '')).keyCount; },
    async meta() { return parse(host(ASK, 'meta', known, '')); },
  };
};
// What is asked for is looked at once the handler has returned.
const reroute = (name) => (...args) => {
  if (host(ASK, name, stringify(args), '') === undefined) throw new Error(`cf.${name} cannot be called here: it is for viewer requests, a few times in a run, by its name as it is`);
};
const cf = {
  kvs: store,
  get edgeLocation() { return env().edgeLocation ?? {}; },
  updateRequestOrigin: reroute('updateRequestOrigin'),
  selectRequestOriginById: reroute('selectRequestOriginById'),
  createRequestOriginGroup: reroute('createRequestOriginGroup'),
};
modules.cloudfront = cf;
delete globalThis.$internal;
export default cf;
