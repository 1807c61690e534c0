// Prometheus' own PromQL test scripts, read from the folder that PROMQLTEST_DIR names (promql/promqltest/testdata of its
// repository). What needs a native histogram, a start timestamp or an experimental feature is left out, counted with the
// reason; everything else has to come out as the scripts say. Skipped aloud without the folder.
//
// As in Prometheus' runner, what is asked at one moment is asked as a range around that moment too.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Fault } from '../src/lib/fault.ts'
import { parseNumber } from '../src/promql/literals.ts'
import { askAt, askRange, makeQuery, type Query, type QueryResult } from '../src/promql/query.ts'
import { parseSeries } from '../src/promql/series-notation.ts'
import { LoadedStorage } from './loaded-storage.ts'
import { parseScript, type Eval } from './promqltest-script.ts'

const folder = process.env['PROMQLTEST_DIR']
const MINUTE_MS = 60_000
const counts = { run: 0, leftOut: new Map<string, number>() }

function leaveOut(reason: string): void {
  counts.leftOut.set(reason, (counts.leftOut.get(reason) ?? 0) + 1)
}

function isEqual(got: number, wanted: number): boolean {
  if (Number.isNaN(got) || Number.isNaN(wanted)) return Number.isNaN(got) && Number.isNaN(wanted)
  if (got === wanted) return true
  const difference = Math.abs(got - wanted)
  const size = Math.abs(got) + Math.abs(wanted)
  return got === 0 || wanted === 0 ? difference < 1e-6 * Number.MIN_VALUE * 2 ** 52 : difference / size < 1e-6
}

type Wanted = Map<string, readonly (number | undefined)[]>

const keyOf = (labels: Readonly<Record<string, string>>): string =>
  JSON.stringify(labels, Object.keys(labels).toSorted())

function wantedSeries(command: Eval): Wanted {
  const wanted: Wanted = new Map()
  for (const line of command.series) {
    const number = parseNumber(line)
    const { labels, values } = number === undefined ? parseSeries(line) : { labels: {}, values: [number] }
    wanted.set(
      keyOf(labels),
      values.map((value) => (value === 'stale' ? undefined : value)),
    )
  }
  return wanted
}

/** Samples by labels and step. */
function gotSeries(result: QueryResult, { startMs, stepMs }: { startMs: number; stepMs: number }): Wanted {
  const got: Wanted = new Map()
  if (result.type === 'scalar') got.set('{}', [result.value])
  if (result.type === 'vector') for (const { labels, value } of result.samples) got.set(keyOf(labels), [value])
  if (result.type !== 'matrix') return got
  for (const { labels, timestamps, values } of result.series) {
    const row: (number | undefined)[] = []
    Array.from(timestamps, (ms, at) => (row[(ms - startMs) / stepMs] = values[at]))
    got.set(keyOf(labels), Array.from(row))
  }
  return got
}

function expectSame(got: Wanted, wanted: Wanted): void {
  const show = (series: Wanted): string => [...series].map(([key, row]) => `${key} ${row.join(' ')}`).join('\n')
  const detail = `got\n${show(got)}\nwanted\n${show(wanted)}`
  const rows = new Map([...wanted].filter(([, row]) => row.some((value) => value !== undefined)))
  assert.deepEqual([...got.keys()].toSorted(), [...rows.keys()].toSorted(), detail)
  for (const [key, row] of rows) {
    const own = got.get(key) ?? []
    for (let at = 0; at < Math.max(row.length, own.length); at += 1) {
      const [a, b] = [own[at], row[at]]
      assert.ok(a === undefined || b === undefined ? a === b : isEqual(a, b), `step ${at} of ${key}: ${detail}`)
    }
  }
}

function matchesText(got: string, match: 'msg' | 'regex' | undefined, text: string): boolean {
  if (match === 'regex') return new RegExp(text.replaceAll(/^"|"$/g, '')).test(got)
  return match === undefined || got === text || got === text.replaceAll(/^"|"$/g, '')
}

function checkRemarks(command: Eval, result: QueryResult): void {
  const of: Record<string, readonly string[]> = { warn: result.warnings, info: result.infos }
  for (const { type, match, text } of command.expects) {
    const plain = type.replace('no_', '')
    const remarks = of[plain]
    if (remarks === undefined) continue
    if (type.startsWith('no_')) assert.deepEqual(remarks, [], type)
    else
      assert.ok(
        remarks.some((remark) => matchesText(remark, match, text)),
        `expected ${type} ${text}, got ${remarks.join('; ')}`,
      )
  }
}

function ask(query: Query, command: Eval, storage: LoadedStorage): QueryResult {
  const { startMs, endMs, stepMs } = command
  const options = { storage, delaysNames: true }
  return stepMs === undefined ? askAt(query, startMs, options) : askRange(query, { startMs, endMs, stepMs }, options)
}

function checkResult(command: Eval, result: QueryResult): void {
  const times = rangeVectorTimes(command)
  const [string] = command.expects.filter(({ type }) => type === 'string')
  if (string !== undefined) {
    assert.equal(result.type, 'string')
    const query = makeQuery(string.text)
    assert.deepEqual(query.expr.kind === 'string' ? query.expr.value : undefined, 'value' in result && result.value)
    return
  }
  const wanted = wantedSeries(command)
  expectSame(gotSeries(result, times), wanted)
  if (command.expects.some(({ type }) => type === 'ordered') && result.type === 'vector')
    assert.deepEqual(
      result.samples.map(({ labels }) => keyOf(labels)),
      [...wanted.keys()],
    )
}

function rangeVectorTimes({ expects, startMs, stepMs }: Eval): { startMs: number; stepMs: number } {
  const found = expects.find(({ type }) => type === 'range vector')
  const [, from = '', step = ''] = /from (\S+) to \S+ step (\S+)/.exec(found?.text ?? '') ?? []
  if (found === undefined) return { startMs, stepMs: stepMs ?? 1 }
  const ms = (text: string): number => {
    const { expr } = makeQuery(text)
    return expr.kind === 'number' ? expr.value * 1000 : NaN
  }
  return { startMs: ms(from), stepMs: ms(step) }
}

/** The same question over a range: the step in the middle has to be the same. */
function checkMiddle(query: Query, command: Eval, storage: LoadedStorage): void {
  const { startMs, expects, expr } = command
  if (expects.some(({ type }) => /^(?:ordered|string|range vector)$/.test(type)) || /@\s*(?:start|end)/.test(expr))
    return
  const times = { startMs: startMs - MINUTE_MS, endMs: startMs + MINUTE_MS, stepMs: MINUTE_MS }
  const got = gotSeries(askRange(query, times, { storage, delaysNames: true }), times)
  const middle: Wanted = new Map()
  for (const [key, row] of got) if (row[1] !== undefined) middle.set(key, [row[1]])
  expectSame(middle, wantedSeries(command))
}

function tryToAsk(command: Eval, storage: LoadedStorage): { query: Query; result: QueryResult } | Fault {
  try {
    const query = makeQuery(command.expr)
    return { query, result: ask(query, command, storage) }
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown
    throw thrown
  }
}

function reasonToLeaveOut(command: Eval, answer: Fault | object, storage: LoadedStorage): string | undefined {
  if (answer instanceof Fault && /behind a flag/.test(answer.hint ?? '')) return 'experimental'
  if (answer instanceof Fault && /classic histograms only/.test(answer.hint ?? '')) return 'native histogram function'
  if (command.series.some((line) => line.includes('{{'))) return 'native histogram expected'
  return storage.metNative ? 'native histogram or start timestamp loaded' : undefined
}

function runEval(command: Eval, storage: LoadedStorage): void {
  storage.metNative = false
  const answer = tryToAsk(command, storage)
  const reason = reasonToLeaveOut(command, answer, storage)
  if (reason !== undefined) return leaveOut(reason)
  counts.run += 1
  const fail = command.expects.find(({ type }) => type === 'fail')
  if (answer instanceof Fault) {
    assert.ok(fail !== undefined, answer.why)
    const why = answer.why.replace(/^\d+:\d+: parse error: /, '')
    assert.ok(matchesText(why, fail.match, fail.text) || matchesText(answer.why, fail.match, fail.text), answer.why)
    return
  }
  assert.equal(fail, undefined, `expected to fail: ${fail?.text}`)
  checkRemarks(command, answer.result)
  checkResult(command, answer.result)
  if (command.stepMs === undefined) checkMiddle(answer.query, command, storage)
}

const files = folder === undefined ? [] : readdirSync(folder).filter((file) => file.endsWith('.test'))

if (files.length === 0)
  test('Prometheus’ own scripts', { skip: 'PROMQLTEST_DIR names no folder with promqltest scripts' }, () => {})

for (const file of files) {
  test(`${file} comes out as it says`, () => {
    const storage = new LoadedStorage()
    const failed: string[] = []
    for (const command of parseScript(readFileSync(join(folder ?? '', file), 'utf8'))) {
      if (command.kind === 'clear') storage.clear()
      else if (command.kind === 'load') storage.load(command.series, command.stepMs, command.addsNative)
      else
        try {
          runEval(command, storage)
        } catch (thrown) {
          failed.push(`line ${command.line}: ${command.expr}\n${(thrown as Error).message}`)
        }
    }
    assert.equal(failed.join('\n\n'), '')
  })
}

after(() => {
  if (files.length === 0) return
  const left = [...counts.leftOut].map(([reason, count]) => `${count} ${reason}`)
  console.log(`promqltest: ${counts.run} cases run; left out: ${left.join(', ')}`)
})
