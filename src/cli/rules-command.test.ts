// `respite rules` as a pipeline uses it: exit codes, what is printed, and the JSON of the contract.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { rulesCheckedSchema, rulesTestedSchema } from '../api/contract.ts'
import type { Machine } from './command.ts'
import { runCommandLine } from './program.ts'

const bug = (): Promise<never> => Promise.reject(new TypeError('no daemon is needed'))
const machine: Machine = {
  startDaemon: bug,
  makeConfig: bug,
  deploymentOfUrl: bug,
  archiveFleet: bug,
  backupFleet: bug,
  checkBackup: bug,
  defaultDataDir: '/nonexistent',
}

async function rules(...argv: string[]): Promise<{ exit: number; out: string; err: string }> {
  const said = { out: '', err: '' }
  const exit = await runCommandLine({
    argv: ['rules', ...argv],
    version: '1.2.3',
    machine,
    out: { write: (text) => (said.out += text) },
    err: { write: (text) => (said.err += text) },
    env: {},
    interruption: () => new AbortController().signal,
  })
  return { exit, ...said }
}

let dir = ''
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'respite-rules-'))))
afterEach(() => rmSync(dir, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(dir, name)
  writeFileSync(path, text)
  return path
}

const GOOD = 'groups: [{ name: g, rules: [{ alert: Up, expr: respite_server_connected > 0, for: 1m }] }]\n'
const DIVIDES = `groups:
  - name: g
    rules:
      - alert: Full
        expr: redis_memory_used_bytes / redis_memory_max_bytes > 0.8
`

describe('respite rules check', () => {
  it('counts the rules of a file that is right', async () => {
    const path = file('good.yml', GOOD)
    assert.deepEqual(await rules('check', path), {
      exit: 0,
      out: `Checking ${path}\n  SUCCESS: 1 rules found\n\n`,
      err: '',
    })
  })

  it('names file, line, column and rule of each mistake, and goes on with the next file', async () => {
    const bad = file('bad.yml', DIVIDES.replace('> 0.8', '>').replace('Full', 'Full\n        fro: 5m'))
    const { exit, out } = await rules('check', bad, join(dir, 'missing.yml'), file('good.yml', GOOD))
    assert.equal(exit, 2)
    assert.ok(out.includes(`${bad}:5:9: field fro not found in type rulefmt.Rule\n`), out)
    assert.match(
      out,
      /bad\.yml:6:15: group "g", rule 1, "Full": could not parse expression: 1:\d+: parse error: unexpected end of input/,
    )
    assert.match(out, /missing\.yml: .*no such file/)
    assert.match(out, /SUCCESS: 1 rules found/)
  })

  it('says what the linter finds, which is wrong only when it was told so', async () => {
    const path = file('divides.yml', DIVIDES)
    const { exit, out } = await rules('check', path)
    assert.equal(exit, 0)
    assert.match(out, /divides\.yml:5:15: Full: divides by redis_memory_max_bytes.*\[division-by-zero\]/)
    assert.equal((await rules('check', '--lint-fatal', path)).exit, 2)
    assert.deepEqual(await rules('check', '--lint-fatal', '--no-lint', path).then(({ exit }) => exit), 0)
  })

  it('judges windows by the interval that it is told', async () => {
    const path = file(
      'a.yml',
      'groups: [{ name: g, rules: [{ alert: A, expr: "rate(redis_commands_processed_total[1m]) > 5" }] }]',
    )
    assert.match((await rules('check', path)).out, /\[short-window\]/)
    assert.doesNotMatch((await rules('check', '--scrape-interval', '15s', path)).out, /short-window/)
    assert.equal((await rules('check', '--scrape-interval', 'soon', path)).exit, 64)
  })

  it('keeps the contract', async () => {
    const { exit, out } = await rules('check', '--json', file('divides.yml', DIVIDES), file('bad.yml', 'groups: x'))
    const document = rulesCheckedSchema.parse(JSON.parse(out))
    assert.deepEqual([exit, document.verdict], [2, 'wrong'])
    assert.deepEqual(
      document.files.map(({ rules: count, mistakes, findings }) => [count, mistakes.length, findings.length]),
      [
        [1, 0, 1],
        [0, 1, 0],
      ],
    )
  })

  it('needs a file, and knows no third action', async () => {
    assert.equal((await rules('check')).exit, 64)
    assert.equal((await rules('mend', 'a.yml')).exit, 64)
  })
})

const TESTS = `
rule_files: [good.yml]
evaluation_interval: 30s
tests:
  - name: up
    interval: 30s
    input_series:
      - { series: 'respite_server_connected{instance="a"}', values: 1x10 }
    alert_rule_test:
      - { eval_time: 30s, alertname: Up, exp_alerts: [] }
      - { eval_time: 1m, alertname: Up, exp_alerts: [{ exp_labels: { instance: a } }] }
    promql_expr_test:
      - { expr: ALERTS, eval_time: 30s, exp_samples: [{ labels: 'ALERTS{alertname="Up",alertstate="pending",instance="a"}', value: 1 }] }
`

describe('respite rules test', () => {
  it('passes what comes out as expected', async () => {
    file('good.yml', GOOD)
    const path = file('test.yml', TESTS)
    assert.deepEqual(await rules('test', path), { exit: 0, out: `Unit Testing:  ${path}\n  SUCCESS\n\n`, err: '' })
  })

  it('shows what was expected and what came', async () => {
    file('good.yml', GOOD)
    const { exit, out } = await rules(
      'test',
      file('test.yml', TESTS.replace('eval_time: 1m', 'eval_time: 29s').replace('value: 1 ', 'value: 2 ')),
    )
    assert.equal(exit, 2)
    assert.match(
      out,
      /name: up,\n {4}alertname: Up, time: 29s,\n {8}exp:\n {12}Labels:\{alertname="Up", instance="a"\} .*\n {8}got: none/,
    )
    assert.match(out, /expr: "ALERTS", time: 30s,\n {8}exp: ALERTS\{.*\} 2E\+00\n {8}got: ALERTS\{.*\} 1E\+00/)
  })

  it('runs only the tests whose name matches', async () => {
    file('good.yml', GOOD)
    const path = file('test.yml', TESTS.replace('eval_time: 1m', 'eval_time: 29s'))
    assert.equal((await rules('test', '--run', 'other', path)).exit, 0)
    assert.equal((await rules('test', '--run', 'o(ther', path)).exit, 64)
  })

  it('refuses rule files with mistakes, series that are none, and unknown fields, each with its place', async () => {
    file('good.yml', GOOD.replace('> 0', '>'))
    assert.match(
      (await rules('test', file('a.yml', TESTS))).out,
      /good\.yml:1:\d+: group "g", rule 1, "Up": could not parse/,
    )
    file('good.yml', GOOD)
    const series = await rules('test', file('b.yml', TESTS.replace('1x10', '1xmany')))
    assert.deepEqual([series.exit, /unexpected "1xmany"/.test(series.out)], [2, true])
    assert.match(
      (await rules('test', file('c.yml', TESTS.replace('interval: 30s\n    input', 'intervall: 30s\n    input')))).out,
      /c\.yml:\d+:\d+: field intervall not found/,
    )
  })

  it('keeps the contract', async () => {
    const { out } = await rules('test', '--json', file('test.yml', TESTS.replace('good', 'none')))
    const [result] = rulesTestedSchema.parse(JSON.parse(out)).files
    assert.deepEqual([result?.tests, result?.failures.length], [1, 2])
    assert.match(result?.warnings[0] ?? '', /no file matches/)
  })
})
