// Decrypts a field with the AWS Encryption SDK for JavaScript, as an application would:
//   node decrypt.cjs PRIVATE_KEY PROVIDER KEY_NAME <field
const { buildClient, CommitmentPolicy, RawRsaKeyringNode } = require('@aws-crypto/client-node')
const fs = require('fs')
const [pem, keyNamespace, keyName] = process.argv.slice(2)
const { decrypt } = buildClient(CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT)
const keyring = new RawRsaKeyringNode({ keyName, keyNamespace, rsaKey: { privateKey: fs.readFileSync(pem, 'utf8') }, oaepHash: 'sha256' })
decrypt(keyring, Buffer.from(fs.readFileSync(0, 'utf8'), 'base64')).then(
  ({ plaintext }) => process.stdout.write(plaintext),
  (err) => { console.error(err); process.exit(1) })
