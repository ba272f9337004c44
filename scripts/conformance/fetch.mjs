// As much of fetch as the suite needs, on connections to one address whatever the URL's host is: the distribution's name
// is in no resolver of this machine. It follows no redirect, and keeps the interim responses (1xx) that come before the
// answer as [status, fields] in its member interim, which no fetch shows.
import http from 'node:http'

export function fetchFrom (address) {
  const agent = new http.Agent({
    keepAlive: true,
    lookup: (name, options, done) => options.all ? done(null, [{ address, family: 4 }]) : done(null, address, 4)
  })
  return (url, { method = 'GET', headers = [], body, signal } = {}) => new Promise((resolve, reject) => {
    // Lines of one name stay lines of their own.
    const fields = new Map()
    for (const [name, value] of headers) {
      const key = name.toLowerCase()
      fields.set(key, [name, [...(fields.get(key)?.[1] ?? []), value.trim()]])
    }
    const interim = []
    const request = http.request(url, { method, agent, signal, headers: Object.fromEntries(fields.values()) })
    request.on('information', i => interim.push([i.statusCode, i.headers]))
    request.on('error', reject)
    request.on('response', answer => {
      const pieces = []
      answer.on('data', piece => pieces.push(piece))
      answer.on('error', reject)
      answer.on('end', () => resolve(response(answer, Buffer.concat(pieces), interim)))
    })
    if (body !== undefined) request.setHeader('Content-Length', Buffer.byteLength(body))
    request.end(body)
  })
}

function response (answer, body, interim) {
  const headers = new Headers()
  for (let i = 0; i < answer.rawHeaders.length; i += 2) headers.append(answer.rawHeaders[i], answer.rawHeaders[i + 1])
  return { status: answer.statusCode, statusText: answer.statusMessage, headers, interim, text: async () => body.toString() }
}
