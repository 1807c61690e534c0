// `npm test`: the checks, then every test of src/ and test/ with real servers, then how many passed, failed and were
// skipped. A skipped test is counted and its reason listed at the end, so that "could not look" never reads as "passed".
//
//   npm test                 everything
//   npm test -- WORD…        only the test files whose path contains one of the words, without the checks

import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { run, type EventData } from 'node:test'
import { spec } from 'node:test/reporters'

type Outcome = { readonly name: string; readonly file: string | undefined; readonly reason?: string }

const CHECKS: readonly (readonly [string, ...string[]])[] = [
  ['tsc'],
  ['oxlint', '--type-aware', '--deny-warnings'],
  ['prettier', '--check', '--log-level', 'warn', '.'],
  ['knip'],
]
const LONGEST_FILE_MS = 10 * 60_000
const passed: Outcome[] = []
const failed: Outcome[] = []
const skipped: Outcome[] = []

function runChecks(): void {
  for (const [command, ...args] of CHECKS) {
    const name = [command, ...args].join(' ')
    const started = performance.now()
    const { status, error } = spawnSync(command, args, { stdio: 'inherit' })
    const tookMs = Math.round(performance.now() - started)
    if (status !== 0) failed.push({ name, file: undefined, reason: error?.message ?? `exit ${status}` })
    else passed.push({ name, file: undefined })
    console.log(`${status === 0 ? '✔' : '✖'} ${name} (${tookMs} ms)`)
  }
}

function testFiles(words: readonly string[]): string[] {
  const all = globSync(['src/**/*.test.ts', 'test/**/*.test.ts'])
    .filter((file) => !file.startsWith('test/long/'))
    .toSorted()
  return words.length === 0 ? all : all.filter((file) => words.some((word) => file.includes(word)))
}

async function runTests(files: string[]): Promise<void> {
  if (files.length === 0) return
  const stream = run({ files, concurrency: availableParallelism(), timeout: LONGEST_FILE_MS })
  stream.on('test:pass', (data: EventData.TestPass) => {
    if (data.details.type === 'suite') return
    const because = data.skip ?? data.todo
    if (because === undefined || because === false) passed.push(outcomeOf(data))
    else skipped.push({ ...outcomeOf(data), reason: typeof because === 'string' ? because : 'no reason given' })
  })
  stream.on('test:fail', (data: EventData.TestFail) => {
    // A suite fails with its tests, which are counted; it counts itself only for what is its own fault, as a hook.
    const { type, error } = data.details
    if (type === 'suite' && (error as { failureType?: string }).failureType === 'subtestsFailed') return
    failed.push(outcomeOf(data))
  })
  for await (const line of stream.compose(new spec())) process.stdout.write(line as string)
}

function outcomeOf(data: { name: string; file?: string | undefined }): Outcome {
  return { name: data.name, file: data.file?.replace(`${process.cwd()}/`, '') }
}

function list(title: string, outcomes: readonly Outcome[]): void {
  if (outcomes.length === 0) return
  console.log(`\n${title}`)
  for (const { name, file, reason } of outcomes)
    console.log(`  ${file ?? 'check'}: ${name}${reason === undefined ? '' : ` – ${reason}`}`)
}

const words = process.argv.slice(2)
const files = testFiles(words)
if (words.length === 0) runChecks()
await runTests(files)
if (files.length === 0) failed.push({ name: 'no test file matches', file: undefined, reason: words.join(' ') })
list('skipped', skipped)
list('failed', failed)
console.log(`\n${passed.length} passed, ${failed.length} failed, ${skipped.length} skipped`)
process.exitCode = failed.length === 0 ? 0 : 1
