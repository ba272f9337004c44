// read.mjs FOLDER FILE: the rows of a Parquet file as JSON, by the reader in the folder
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
const { parquetReadObjects } = await import(pathToFileURL(process.argv[2] + '/src/index.js'))
const b = readFileSync(process.argv[3])
const rows = await parquetReadObjects({ file: b.buffer.slice(b.byteOffset, b.byteOffset + b.length) })
console.log(JSON.stringify(rows))
