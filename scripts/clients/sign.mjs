// Signs URLs and cookies with @aws-sdk/cloudfront-signer, for signatures.py: sign.mjs URL EXPIRES KEY=ID…
import { readFileSync } from 'node:fs';
import { getSignedCookies, getSignedUrl } from '@aws-sdk/cloudfront-signer';

const [url, expires, ...keys] = process.argv.slice(2);
const dateLessThan = new Date(expires * 1000).toISOString();
const dateGreaterThan = new Date((expires - 86400) * 1000).toISOString();
const say = (what, key, url, cookies) => console.log(JSON.stringify({ what, key, url, cookies }));
for (const [key, keyPairId] of keys.map((k) => k.split('='))) {
  const privateKey = readFileSync(key, 'utf8');
  for (const algorithm of ['SHA1', 'SHA256']) {
    const by = { keyPairId, privateKey, algorithm };
    const policy = JSON.stringify({ Statement: [{ Resource: url.replace(/[^/]*$/, '*'), Condition: {
      DateLessThan: { 'AWS:EpochTime': Number(expires) }, IpAddress: { 'AWS:SourceIp': '127.0.0.0/8' } } }] });
    say(`canned URL, ${algorithm}`, key, getSignedUrl({ url, dateLessThan, ...by }));
    say(`custom URL, ${algorithm}`, key, getSignedUrl({ url, dateLessThan, dateGreaterThan, ipAddress: '127.0.0.0/8', ...by }));
    say(`custom URL of a policy, ${algorithm}`, key, getSignedUrl({ url, policy, ...by }));
    say(`canned cookies, ${algorithm}`, key, url, getSignedCookies({ url, dateLessThan, ...by }));
    say(`custom cookies, ${algorithm}`, key, url, getSignedCookies({ policy, ...by }));
  }
}
