// What the tests' function does is what the request's uri says.
exports.handler = async (event, context) => {
  const { request } = event.Records[0].cf
  switch (request.uri) {
    case '/version': return { status: 200, body: context.functionVersion + ' ' + process.pid }
    case '/throw': throw new Error('as asked')
    case '/exit': process.exit(3)
    case '/hang': for (;;);
    case '/nothing': return null
    case '/large': return { status: 200, body: 'x'.repeat(3 << 20) }
  }
  request.uri = request.uri.replace(/\.jpg$/, '.webp')
  return request
}
