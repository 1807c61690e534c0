// Every shipped runbook has the four parts that a person looks for, and its steps name checks and actions that there are.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { ACTION_RISKS } from './action-ids.ts'
import { loadChecks } from './diagnose.ts'
import { parseRunbook, readRunbook } from './runbook.ts'

const folder = join(import.meta.dirname, '../../runbooks')
const checks = await loadChecks()

describe('every runbook', () => {
  for (const file of readdirSync(folder)) {
    test(`${file} says what it means, what it costs, how to look and what to do, by checks and actions that there are`, async () => {
      const { lines } = await readRunbook(file.replace('.md', ''), [folder])
      const headings = lines.map(({ text }) => text).filter((text) => text.startsWith('## '))
      for (const heading of ['## Meaning', '## Impact', '## Diagnosis', '## Mitigation'])
        assert.ok(headings.includes(heading), heading)
      for (const id of lines.flatMap((line) => line.checks)) assert.ok(checks.has(id), `no check ${id}`)
      for (const id of lines.flatMap((line) => line.actions)) assert.ok(id in ACTION_RISKS, `no action ${id}`)
    })
  }
})

// No evidence makes all checks speak, so what they may say is read out of their sources.
const sourceOf = (id: string): string => readFileSync(join(import.meta.dirname, 'checks', `${id}.ts`), 'utf8')

test('whatever check says that an alert follows is a step of the runbook of that alert', async () => {
  const shipped = new Set(readdirSync(folder).map((file) => file.replace('.md', '')))
  for (const id of checks.keys()) {
    for (const [, alert = ''] of sourceOf(id).matchAll(/'([A-Z]\w+)'/g)) {
      if (!shipped.has(alert)) continue
      const { lines } = await readRunbook(alert, [folder])
      assert.ok(lines.flatMap((line) => line.checks).includes(id), `${alert}.md does not ask ${id}`)
    }
  }
})

test('every check says what helps: an action, or what a person does first', () => {
  const silent = [...checks.keys()].filter((id) => !/\bfirst\b|actions: \[\s*\{|actions[,(:]/.test(sourceOf(id)))
  assert.deepEqual(silent, [])
})

test('a step that goes on over lines is one, with all that it names', () => {
  const text =
    '# X\n\n- Is it full, or\n  read-only? (checks: rdb-disk-full,\n  rdb-dir-not-writable)\n- Save. (action: save-now)\n'
  const steps = parseRunbook('X', text).lines.filter(({ text: line }) => line.startsWith('- '))
  assert.deepEqual(
    steps.map((step) => [step.checks, step.actions]),
    [
      [['rdb-disk-full', 'rdb-dir-not-writable'], []],
      [[], ['save-now']],
    ],
  )
})
