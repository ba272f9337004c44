const { querystring } = globalThis.$internal.modules;
export const { escape, unescape, parse, stringify, decode, encode } = querystring;
export default querystring;
