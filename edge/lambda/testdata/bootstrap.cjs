#!/usr/bin/env node
// A Lambda runtime in a few lines: it asks for events, has the handler in $HANDLER_FILE
// (./handler.cjs) do them, one at a time, and says what came of each.
const http = require('node:http')
const path = require('node:path')
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':')
const call = (method, at, body) => new Promise((resolve, reject) => {
  const r = http.request({ host, port, method, path: '/2018-06-01/runtime/' + at }, (resp) => {
    const parts = []
    resp.on('data', (b) => parts.push(b))
    resp.on('end', () => resolve({ headers: resp.headers, body: Buffer.concat(parts).toString() }))
  })
  r.on('error', reject)
  r.end(body)
})
const main = async () => {
  const { handler } = require(path.join(process.env.LAMBDA_TASK_ROOT, 'handler.cjs'))
  for (;;) {
    const next = await call('GET', 'invocation/next')
    const id = next.headers['lambda-runtime-aws-request-id']
    const context = { awsRequestId: id, functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION, invokedFunctionArn: next.headers['lambda-runtime-invoked-function-arn'] }
    try {
      const said = await handler(JSON.parse(next.body), context)
      await call('POST', `invocation/${id}/response`, JSON.stringify(said === undefined ? null : said))
    } catch (e) {
      await call('POST', `invocation/${id}/error`, JSON.stringify({ errorType: e.name, errorMessage: e.message }))
    }
  }
}
main().catch((e) => { console.error(e); process.exit(1) })
