// A static site by the AWS SDK for JavaScript, as cli.sh does it. It ends at the first call that is not answered as
// CloudFront would.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import * as cf from '@aws-sdk/client-cloudfront';
import * as s3 from '@aws-sdk/client-s3';

const here = process.env.CLIENTS;
const cloudfront = new cf.CloudFrontClient({});
const store = new s3.S3Client({ forcePathStyle: true });
const call = (name, input) => cloudfront.send(new cf[`${name}Command`](input));
const say = (...words) => console.log('javascript:', ...words);

function equal(what, want, got) {
  if (!isDeepStrictEqual(want, got)) throw new Error(`${what}: want ${JSON.stringify(want)}, got ${JSON.stringify(got)}`);
}
async function refused(code, name, input) {
  try {
    await call(name, input);
  } catch (error) {
    if (error.name !== code || !(error instanceof cf[code])) throw new Error(`${name}: want ${code}, got ${error}`);
    return;
  }
  throw new Error(`${name}: not refused with ${code}`);
}
const fetchSite = (domain) => execFileSync(`${here}/fetch.sh`, [domain, '/'], { encoding: 'utf8' });
const wait = (waiter, input) => waiter({ client: cloudfront, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, input);
async function update(Id, changes) {
  const read = await call('GetDistributionConfig', { Id });
  await call('UpdateDistribution', { Id, IfMatch: read.ETag, DistributionConfig: { ...read.DistributionConfig, ...changes } });
}

const Bucket = 'javascript-site';
await store.send(new s3.CreateBucketCommand({ Bucket }));
await store.send(new s3.PutObjectCommand({ Bucket, Key: 'index.html', Body: 'first' }));

const access = (await call('CreateOriginAccessControl', { OriginAccessControlConfig: {
  Name: Bucket, SigningProtocol: 'sigv4', SigningBehavior: 'always', OriginAccessControlOriginType: 's3' } })).OriginAccessControl.Id;
const cache = (await call('CreateCachePolicy', { CachePolicyConfig: {
  Name: 'javascript-cache', MinTTL: 1, DefaultTTL: 3600, MaxTTL: 86400,
  ParametersInCacheKeyAndForwardedToOrigin: {
    EnableAcceptEncodingGzip: true, HeadersConfig: { HeaderBehavior: 'none' }, CookiesConfig: { CookieBehavior: 'none' },
    QueryStringsConfig: { QueryStringBehavior: 'none' } } } })).CachePolicy.Id;
const headers = (await call('CreateResponseHeadersPolicy', { ResponseHeadersPolicyConfig: {
  Name: 'javascript-headers', CustomHeadersConfig: { Quantity: 1, Items: [{ Header: 'X-Site', Value: 'javascript', Override: true }] } } })).ResponseHeadersPolicy.Id;
const made = await call('CreateFunction', {
  Name: 'javascript-rewrite', FunctionConfig: { Comment: 'rewrite', Runtime: 'cloudfront-js-2.0' }, FunctionCode: readFileSync(`${here}/function.js`) });
const published = await call('PublishFunction', { Name: 'javascript-rewrite', IfMatch: made.ETag });
const functionARN = published.FunctionSummary.FunctionMetadata.FunctionARN;
say('access control', access, 'policies, function', functionARN);

const config = JSON.parse(readFileSync(`${here}/distribution.json`, 'utf8').replace('REFERENCE', `javascript-${process.hrtime.bigint()}`)
  .replace('BUCKET', Bucket).replace('ACCESS', access).replace('CACHE', cache).replace('HEADERS', headers).replace('FUNCTION', functionARN));
const { Id, DomainName, ARN } = (await call('CreateDistributionWithTags', { DistributionConfigWithTags: {
  DistributionConfig: config, Tags: { Items: [{ Key: 'Name', Value: 'javascript' }] } } })).Distribution;
await refused('DistributionAlreadyExists', 'CreateDistribution', { DistributionConfig: config });
await wait(cf.waitUntilDistributionDeployed, { Id });
equal('tags', [{ Key: 'Name', Value: 'javascript' }], (await call('ListTagsForResource', { Resource: ARN })).Tags.Items);
await store.send(new s3.PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify({ Version: '2012-10-17', Statement: {
  Effect: 'Allow', Principal: { Service: 'cloudfront.amazonaws.com' }, Action: 's3:GetObject', Resource: `arn:aws:s3:::${Bucket}/*`,
  Condition: { StringEquals: { 'AWS:SourceArn': ARN } } } }) }));
equal('the site', 'first', fetchSite(DomainName));
say('distribution', Id, 'serves the site at', DomainName);

await store.send(new s3.PutObjectCommand({ Bucket, Key: 'index.html', Body: 'second' }));
const invalidation = (await call('CreateInvalidation', { DistributionId: Id, InvalidationBatch: {
  CallerReference: '1', Paths: { Quantity: 1, Items: ['/*'] } } })).Invalidation.Id;
await wait(cf.waitUntilInvalidationCompleted, { DistributionId: Id, Id: invalidation });
equal('the site after the invalidation', 'second', fetchSite(DomainName));
say('invalidation', invalidation, 'is completed, and the site is new');

const read = await call('GetDistributionConfig', { Id });
await update(Id, { Comment: 'changed' });
const got = await call('GetDistribution', { Id });
equal('comment', 'changed', got.Distribution.DistributionConfig.Comment);
await refused('PreconditionFailed', 'UpdateDistribution', { Id, IfMatch: read.ETag, DistributionConfig: read.DistributionConfig });
await refused('DistributionNotDisabled', 'DeleteDistribution', { Id, IfMatch: got.ETag });
const control = await call('GetOriginAccessControl', { Id: access });
await refused('OriginAccessControlInUse', 'DeleteOriginAccessControl', { Id: access, IfMatch: control.ETag });
const listed = [];
for await (const page of cf.paginateListDistributions({ client: cloudfront, pageSize: 1 }, {})) {
  listed.push(...(page.DistributionList.Items ?? []).map((d) => d.Id));
}
equal('what is listed page by page', 1, listed.filter((id) => id === Id).length);
say('updated, and what must not be done is refused');

await update(Id, { Enabled: false });
await wait(cf.waitUntilDistributionDeployed, { Id });
await call('DeleteDistribution', { Id, IfMatch: (await call('GetDistribution', { Id })).ETag });
await refused('NoSuchDistribution', 'GetDistribution', { Id });
await call('DeleteFunction', { Name: 'javascript-rewrite', IfMatch: (await call('DescribeFunction', { Name: 'javascript-rewrite' })).ETag });
await call('DeleteCachePolicy', { Id: cache, IfMatch: (await call('GetCachePolicy', { Id: cache })).ETag });
await call('DeleteResponseHeadersPolicy', { Id: headers, IfMatch: (await call('GetResponseHeadersPolicy', { Id: headers })).ETag });
await call('DeleteOriginAccessControl', { Id: access, IfMatch: control.ETag });
await store.send(new s3.DeleteObjectCommand({ Bucket, Key: 'index.html' }));
await store.send(new s3.DeleteBucketCommand({ Bucket }));
say('disabled, deleted, and nothing is left');
