// Short exchanges between a viewer and an origin through an edge that caches by RFC 9111, for what http-cache-tests 0.4.5
// does not ask: directives for CDNs (RFC 9213), interim answers, windows of staleness (RFC 5861), parts, several ranges,
// what unsafe methods leave behind.
//
//	node exchanges.mjs URL EDGE PORT
//
// URL is the distribution's, without a final slash, EDGE the address that is connected to for it, PORT where its origin
// is to listen. Each exchange is a list of steps, one after the other: what the viewer sends (method, path, send), what
// the origin answers if it is asked at that step (status, head, in which URI stands for the exchange's own, body, interim;
// close: it hangs up), and what the viewer must get: from is the step whose answer it is (0: none of the origin's), code
// the status, want and absent fields, text the body, part what its parts are, statuses those of the interim answers. wait
// is in seconds, before the step. The origin may not be asked twice at one step.
import http from 'node:http'
import { fetchFrom } from './fetch.mjs'

const [url, edge, port] = process.argv.slice(2)
const fetch = fetchFrom(edge)

const cc = (value, more) => ({ 'Cache-Control': value, ...more })
const cdn = (value, more) => ({ 'CDN-Cache-Control': value, ...more })
const twice = (head, from, more) => [{ head, from: 1 }, { from, ...more }]
const link = { link: '</style.css>; rel=preload' }
const year = 31536000
const date = seconds => new Date(Date.now() + seconds * 1000).toUTCString()

const exchanges = {
  'a lifetime for CDNs beats no-store': twice(cdn('max-age=60', cc('no-store')), 1),
  'a lifetime for CDNs beats a shorter one': twice(cdn('max-age=60', cc('max-age=1')), 1, { wait: 2 }),
  'a lifetime for CDNs beats a longer one': twice(cdn('max-age=1', cc('max-age=60')), 2, { wait: 2 }),
  'a lifetime for CDNs beats Expires': twice(cdn('max-age=0', { Expires: date(year) }), 2),
  'no-store for CDNs is kept': twice(cdn('no-store', cc('max-age=60')), 2),
  'private for CDNs is kept': twice(cdn('private', cc('max-age=60', { Expires: date(year) })), 2),
  'Age counts against a lifetime for CDNs': twice(cdn('max-age=60', { Age: '61' }), 2),
  'directives for CDNs that are no dictionary do not count': twice(cdn('max-age=60, !', cc('no-store')), 2),
  'a lifetime for CDNs that is a string does not count': twice(cdn('max-age="60"', cc('no-store')), 2),
  'directives for CDNs are handed on': [{ head: cdn('max-age=60, x=1'), from: 1, want: { 'CDN-Cache-Control': 'max-age=60, x=1' } }],
  'an Age beyond 31 bits is old': twice(cc('max-age=60', { Age: '2147483649' }), 2),
  'an Age that is no number does not count': twice(cc('max-age=60', { Age: 'old' }), 1),
  'of two lines of Age the first counts': twice(cc('max-age=60', { Age: ['0', '7200'] }), 1),
  'a status unknown is stored with a lifetime': [{ status: 599, head: cc('max-age=60'), from: 1, code: 599 }, { from: 1, code: 599 }],
  'a status unknown that must be understood is not': [{ status: 599, head: cc('max-age=60, no-store, must-understand'), from: 1, code: 599 }, { from: 2 }],
  'a status known that must be understood is stored': twice(cc('max-age=60, no-store, must-understand'), 1),
  'a date with an hour of one digit has passed': twice({ Expires: 'Thu, 18 Aug 2050 2:01:18 GMT' }, 2),
  'a date in small letters is one': twice({ Expires: 'thu, 18 aug 2050 02:01:18 gmt' }, 1),
  'stale is used while it is confirmed, and no longer': [
    { head: cc('max-age=1, stale-while-revalidate=2', { ETag: '"a"' }), from: 1 },
    { wait: 2, head: cc('no-store'), from: 1 },
    { wait: 2.5, from: 3 }
  ],
  'stale is used where the origin hangs up': [{ head: cc('max-age=1'), from: 1 }, { wait: 2, close: true, from: 1 }],
  'stale is not used where that is forbidden': [{ head: cc('max-age=1, must-revalidate'), from: 1 }, { wait: 2, close: true, from: 0, code: 502 }],
  'a 304 renews what is stored': [
    { head: cc('max-age=1', { ETag: '"a"', 'X-Field': 'old', 'X-Kept': 'kept', Age: '0' }), from: 1 },
    { wait: 2, status: 304, head: cc('max-age=60', { ETag: '"a"', 'X-Field': 'new' }), from: 2, want: { 'X-Field': 'new', 'X-Kept': 'kept', Age: /^[01]$/ } },
    { from: 2, want: { 'X-Field': 'new', 'X-Kept': 'kept' } }
  ],
  'a HEAD renews what a GET stored': [
    { head: cc('max-age=1', { ETag: '"a"', 'X-Field': 'old' }), from: 1 },
    { wait: 2, method: 'HEAD', head: cc('max-age=60', { ETag: '"a"', 'X-Field': 'new', 'Content-Length': '4' }), from: 2, text: '' },
    { from: 2, text: 'body', want: { 'X-Field': 'new' } }
  ],
  'a HEAD of another size outdates it': [
    { head: cc('max-age=1, stale-while-revalidate=60'), from: 1 },
    { wait: 2, method: 'HEAD', head: cc('no-store', { 'Content-Length': '5' }), from: 2, text: '' },
    { from: 3 }
  ],
  'a range that the origin ignores is asked for once': [{ send: { Range: 'bytes=5-6' }, body: 'whole', from: 1, text: 'whole' }],
  'interim answers are passed on and not stored': [
    { interim: [[102], [103, link]], head: cc('max-age=60'), from: 1, statuses: [102, 103], absent: ['Link'] },
    { from: 1, statuses: [], absent: ['Link'] }
  ],
  'an unknown method puts an end to what is stored': [{ head: cc('max-age=60'), from: 1 }, { method: 'M-SEARCH', from: 2 }, { from: 3 }],
  'a failed one does not': [{ head: cc('max-age=60'), from: 1 }, { method: 'DELETE', status: 500, from: 2, code: 500 }, { from: 1 }],
  'what Location names is stale': [{ path: '/made', head: cc('max-age=60'), from: 1 }, { method: 'POST', status: 201, head: { Location: 'URI/made' }, from: 2, code: 201 }, { path: '/made', from: 3 }],
  'a POST may answer later GETs': [{ method: 'POST', head: cc('max-age=60', { 'Content-Location': 'URI' }), from: 1 }, { from: 1 }],
  'languages in another order are the same': [
    { send: { 'Accept-Language': 'en, de' }, head: cc('max-age=60', { Vary: 'Accept-Language', 'Content-Language': 'de' }), from: 1 },
    { send: { 'Accept-Language': 'DE,en' }, from: 1 },
    { send: { 'Accept-Language': 'fr;q=0.5, de' }, from: 1 },
    { send: { 'Accept-Language': 'fr, de;q=0.5' }, from: 4 }
  ],
  'a part answers for what lies in it': [
    { send: { Range: 'bytes=4-8' }, status: 206, head: cc('max-age=60', { 'Content-Range': 'bytes 4-8/10' }), body: '45678', from: 1, code: 206, text: '45678' },
    { send: { Range: 'bytes=5-6' }, from: 1, code: 206, text: '56', want: { 'Content-Range': 'bytes 5-6/10' } }
  ],
  'several ranges are answered at once': [
    { head: cc('max-age=60'), body: '0123456789', from: 1 },
    { send: { Range: 'bytes=0-1,4-5' }, from: 1, code: 206, part: ['bytes 0-1/10', 'bytes 4-5/10'] },
    { send: { Range: 'bytes=4-5,0-1' }, from: 1, code: 200, text: '0123456789' }
  ]
}

const asked = new Map() // by exchange, the steps at which the origin was asked
const list = Object.entries(exchanges)

const origin = http.createServer((request, response) => {
  const [, index] = request.url.split('/')
  const number = Number(request.headers.step)
  const step = list[index][1][number - 1]
  if (step.close) return request.socket.destroy() // a connection that was open before may be tried anew
  asked.get(index).push(number)
  for (const [status, fields] of step.interim ?? []) {
    if (status === 102) response.writeProcessing()
    else response.writeEarlyHints(fields)
  }
  for (const [name, value] of Object.entries(step.head ?? {})) {
    response.setHeader(name, Array.isArray(value) ? value : value.replace('URI', `/${index}`))
  }
  response.writeHead(step.status ?? 200, { 'X-Step': number })
  response.end(step.status === 304 ? undefined : step.body ?? 'body')
})

async function run (index, [name, steps]) {
  const faults = []
  asked.set(String(index), [])
  for (const [i, step] of steps.entries()) {
    await new Promise(resolve => setTimeout(resolve, (step.wait ?? 0) * 1000))
    const answer = await fetch(`${url}/${index}${step.path ?? ''}`, {
      method: step.method, headers: [...Object.entries(step.send ?? {}), ['Step', String(i + 1)]]
    })
    const text = await answer.text()
    const check = (what, got, want) => { if (got !== want) faults.push(`${name}, step ${i + 1}: ${what} is ${got}, not ${want}`) }
    check('the step whose answer it is', Number(answer.headers.get('X-Step')), step.from)
    check('the status', answer.status, step.code ?? 200)
    if (step.text !== undefined) check('the body', text, step.text)
    for (const range of step.part ?? []) check(`having a part ${range}`, text.includes(`Content-Range: ${range}`), true)
    for (const [field, value] of Object.entries(step.want ?? {})) {
      const got = answer.headers.get(field)
      check(field, got, value instanceof RegExp && value.test(got) ? got : value)
    }
    for (const field of step.absent ?? []) check(field, answer.headers.get(field), null)
    if (step.statuses) check('what comes before', answer.interim.map(i => i[0]).join(), step.statuses.join())
  }
  const seen = asked.get(String(index))
  if (new Set(seen).size !== seen.length) faults.push(`${name}: the origin is asked at steps ${seen}`)
  return faults
}

await new Promise(resolve => origin.listen(Number(port), '127.0.0.1', resolve))
const faults = (await Promise.all(list.map((e, index) => run(index, e)))).filter(f => f.length > 0)
for (const f of faults.flat()) console.error(f)
console.log(`exchanges: ${list.length - faults.length} passed, ${faults.length} failed`)
process.exit(faults.length > 0 ? 1 : 0)
