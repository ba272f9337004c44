const { crypto } = globalThis.$internal.modules;
export const { createHash, createHmac } = crypto;
export default crypto;
