// The same event and the same code in Node.js's vm, from JSON to JSON.
import vm from 'node:vm';
const [runs, code] = [Number(process.argv[1]), process.argv[2]];
const event = JSON.stringify({
  version: '1.0',
  context: { distributionDomainName: 'd111111abcdef8.warmfront.test', distributionId: 'EDFDVBD6EXAMPLE', eventType: 'viewer-request', requestId: 'EXAMPLEntjQpEXAMPLE_SG5Z-EXAMPLEPmPfEXAMPLEu3EqEXAMPLE==' },
  viewer: { ip: '198.51.100.11' },
  request: {
    method: 'GET', uri: '/media/index.mpd', querystring: { id: { value: '42' } },
    headers: { host: { value: 'd111111abcdef8.warmfront.test' }, 'user-agent': { value: 'Mozilla/5.0' }, accept: { value: 'text/html' }, 'accept-encoding': { value: 'gzip, br' } },
    cookies: { id: { value: 'CookieIdValue' } },
  },
});
const script = new vm.Script(code + ';(text) => JSON.stringify(handler(JSON.parse(text)))');
const measure = (What, count, once) => {
  for (let i = 0; i < count / 10; i++) once();
  const times = new Float64Array(count);
  const began = performance.now();
  for (let i = 0; i < count; i++) {
    const from = process.hrtime.bigint();
    if (JSON.parse(once()).headers['x-a'].value !== '1') throw new Error('wrong');
    times[i] = Number(process.hrtime.bigint() - from) / 1000;
  }
  const PerSecond = count / (performance.now() - began) * 1000;
  times.sort();
  const at = (q) => times[Math.min(count - 1, Math.floor(q * count))];
  return { What, Count: count, PerSecond, P50: at(0.5), P99: at(0.99), P999: at(0.999), Note: process.version };
};
const kept = script.runInContext(vm.createContext({}));
const rows = [
  measure('Node.js vm, one context', runs, () => kept(event)),
  measure('Node.js vm, a fresh context', Math.max(200, runs / 50), () => script.runInContext(vm.createContext({}))(event)),
];
console.log(JSON.stringify(rows));
