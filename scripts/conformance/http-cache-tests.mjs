// Runs the http-cache-tests suite against one edge and counts as the suite's own page does: a test passes only if its
// result is true and every test that it depends on passes.
//
//	node http-cache-tests.mjs SUITE URL EDGE FLOOR RESULTS [TEST-ID]
//
// SUITE is the folder of the suite, URL the distribution's, without a final slash, EDGE the address that is connected
// to for it, FLOOR a file with lines "required N" and "optimal N", RESULTS where the suite's results go as JSON. With a
// TEST-ID only that test is run, and what it sent and received is shown.
import fs from 'node:fs'
import path from 'node:path'
import { fetchFrom } from './fetch.mjs'

const [folder, url, edge, floorFile, resultsFile, only] = process.argv.slice(2)
const suite = path.resolve(folder)
const load = file => import(path.join(suite, file))
const { runTests, getResults } = await load('client/runner.mjs')
const { determineTestResult } = await load('lib/display.mjs')
const suites = (await load('tests/index.mjs')).default
// 0.4.5 leaves this one out of its index; later releases have CDN-Cache-Control in its place.
if (fs.existsSync(path.join(suite, 'tests/surrogate-control.mjs'))) suites.push((await load('tests/surrogate-control.mjs')).default)
const fetch = fetchFrom(edge)

// What the page shows for each outcome, by its symbol there.
const outcomes = {
  '✅': 'passed', '⛔️': 'failed', '⚠️': 'failed', Y: 'yes', N: 'no', '⚪️': 'dependency', '🔹': 'setup', '↻': 'retry', '⁉️': 'harness', '-': 'untested'
}
const kindOf = test => test.kind ?? 'required'

if (only) {
  const tests = suites.flatMap(s => s.tests).filter(t => t.id === only).map(t => ({ ...t, dump: true }))
  if (tests.length === 0) throw new Error(`the suite has no test ${only}`)
  await runTests([{ tests }], fetch, false, url)
  console.log(getResults())
  process.exit()
}

await runTests(suites, fetch, false, url)
const results = getResults()
fs.writeFileSync(resultsFile, JSON.stringify(results, null, 2) + '\n')

const counts = { required: {}, optimal: {}, check: {} }
const missed = []
for (const test of suites.flatMap(s => s.tests)) {
  if (test.browser_only) continue
  const outcome = outcomes[determineTestResult(suites, test.id, results)[2]]
  const count = counts[kindOf(test)]
  count.all = (count.all ?? 0) + 1
  count[outcome] = (count[outcome] ?? 0) + 1
  if (kindOf(test) === 'required' && outcome !== 'passed') {
    const result = results[test.id]
    missed.push(`${test.id} (${outcome}): ${result === true ? 'only what it depends on fails' : result?.[1]}`)
  }
}
const others = count => ['failed', 'dependency', 'setup', 'retry', 'harness', 'untested']
  .filter(o => count[o]).map(o => `, ${count[o]} ${o}`).join('')
for (const kind of ['required', 'optimal']) {
  console.log(`${kind}: ${counts[kind].passed ?? 0} of ${counts[kind].all} passed${others(counts[kind])}`)
}
console.log(`behaviour without a right or wrong: ${counts.check.yes ?? 0} yes, ${counts.check.no ?? 0} no${others(counts.check)}`)
if (missed.length > 0) console.log(`required tests that do not pass:\n  ${missed.join('\n  ')}`)

const floor = Object.fromEntries(fs.readFileSync(floorFile, 'utf8').split('\n').filter(line => /^\w/.test(line)).map(line => line.split(' ')))
for (const [kind, least] of Object.entries(floor)) {
  const passed = counts[kind].passed ?? 0
  if (passed < Number(least)) {
    console.error(`FAIL: ${passed} ${kind} tests pass; ${least} did (${floorFile})`)
    process.exitCode = 1
  }
}
process.exit()
