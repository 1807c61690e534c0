// The screen: fits the terminal, shows the worst first, and lets nothing through that a server says to the terminal.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { DeploymentView, ServerView } from '../fleet/server.ts'
import { ANSWER_IDS, type AnswerId } from '../redis/answers.ts'
import { gauge, seriesOf, Snapshot } from '../metrics/series.ts'
import { fleetScreen, type ScreenInput } from './fleet-screen.ts'

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5)

function server(at: number, changes: Partial<ServerView> = {}): ServerView {
  return {
    id: `10.0.0.${at}:6379`,
    deployment: 'orders',
    address: { host: `10.0.0.${at}`, port: 6379 },
    role: 'replica',
    standing: 'expected',
    answer: { id: 'ok', at: NOW },
    since: NOW - 5_000,
    reserved: true,
    couldNotLook: [],
    ...changes,
  }
}

const answering = (id: AnswerId, text?: string): Partial<ServerView> => ({ answer: { id, at: NOW, text } })

function deployment(servers: readonly ServerView[], changes: Partial<DeploymentView> = {}): DeploymentView {
  return { name: 'orders', kind: 'sentinel', servers, missing: [], problems: [], couldNotLook: [], ...changes }
}

function screen(deployments: readonly DeploymentView[], changes: Partial<ScreenInput> = {}): string[] {
  const defaults = { url: 'http://127.0.0.1:7379', nowMs: NOW, columns: 400, rows: 100, colours: false }
  return fleetScreen({ deployments, latest: () => undefined, ...defaults, ...changes })
}

const widthOf = (line: string): number => line.replaceAll(/\p{Cc}\[\d+m/gu, '').length

test('a line for each server: role, answer, memory, clients, lag', () => {
  const snapshot = new Snapshot(NOW)
  const values = { redis_memory_used_bytes: 1_572_864, redis_memory_max_bytes: 0, redis_connected_clients: 12_000 }
  for (const [name, value] of Object.entries(values)) snapshot.add(seriesOf(gauge(name, 'x')), value)
  const lines = screen([deployment([server(1, { lagSeconds: 2.34 })])], { latest: () => snapshot })
  const line = lines.find((each) => each.includes('10.0.0.1:6379')) ?? ''
  assert.match(line, /^●\s+10\.0\.0\.1:6379\s+replica\s+ok\s+1\.5 MiB\s+–\s+–\s+2\.3 s\s+12 K/)
  assert.match(lines[0] ?? '', /1 servers?, all answer {2}03:04:05 UTC/)
})

test('what a server does not say is not shown as zero', () => {
  const [, , , , line = ''] = screen([deployment([server(1)])])
  assert.match(line, /replica\s+ok\s+–\s+–\s+–\s+\?\s+–\s+–/)
})

test('one that does not answer: for how long, the words of the system, what it means, what to do first', () => {
  const text = screen([deployment([server(1, answering('stopped', 'pid 7 is in state T'))])]).join('\n')
  assert.match(text, /✖ {2}10\.0\.0\.1:6379 {2}replica {2}process is stopped/)
  assert.match(text, /for 5 s; pid 7 is in state T/)
  assert.match(text, /→ kill -CONT the process/)
  assert.match(text, /1 critical/)
})

test('a missing server is critical even while it answers, and says how to let it go', () => {
  const text = screen([deployment([server(1, { standing: 'missing' })])]).join('\n')
  assert.match(text, /1 critical/)
  assert.match(text, /ok \(missing\)/)
  assert.match(text, /respite fleet forget 10\.0\.0\.1:6379/)
})

test('a clock that was set back shows no negative time', () => {
  const late = server(1, { ...answering('refused', 'x'), since: NOW + 3_600_000 })
  assert.match(screen([deployment([late])]).join('\n'), /for 0 ms; x/)
})

test('a fleet that does not fit: the worst first, problems kept, the others counted', () => {
  const servers = Array.from({ length: 60 }, (_none, at) => server(at))
  servers[40] = server(40, { linkUp: false })
  servers[50] = server(50, answering('refused', 'nobody listens'))
  const lines = screen([deployment(servers, { problems: ['expected 2 replicas, found 1 in order'] })], { rows: 20 })
  assert.equal(lines.length, 20)
  assert.match(lines[1] ?? '', /! orders: expected 2 replicas/)
  const at = (id: string): number => lines.findIndex((line) => line.includes(id))
  assert.ok(at('10.0.0.50:') > 0 && at('10.0.0.50:') < at('10.0.0.40:'), lines.join('\n'))
  assert.ok(lines.some((line) => line.includes('→ ')))
  const shown = lines.filter((line) => line.includes(':6379')).length
  assert.equal(lines.at(-1), `… and ${60 - shown} more that answer`)
})

test('when even those in trouble do not fit, none is dropped without being counted, and none that is well is shown', () => {
  const broken = Array.from({ length: 30 }, (_none, at) => server(at, answering('refused', 'x')))
  const lines = screen([deployment([server(99), ...broken])], { rows: 12 })
  assert.equal(lines.length, 12)
  assert.equal(lines.filter((line) => line.startsWith('✖')).length, 8)
  assert.equal(lines.at(-1), '… and 22 more in trouble, 1 more that answer')
})

test('nothing that a server says can steer the terminal', () => {
  const evil = '\u001b[2J\u001b]0;owned\u0007\r\n\u009b31m\u202e'
  const servers = [
    server(1, { id: `h${evil}:1`, deployment: `d${evil}`, ...answering('error', evil), version: evil }),
    server(2, { id: `m${evil}:1`, standing: 'missing' }),
    server(3, { role: 'replica', primary: evil, linkUp: false }),
  ]
  const hostile = deployment(servers, { name: `n${evil}`, problems: [`p${evil}`] })
  for (const rows of [100, 8])
    for (const line of screen([hostile], { rows })) assert.doesNotMatch(line, /[\p{Cc}\p{Cf}]/u)
})

test('no line is wider and no screen longer than the terminal, whatever the fleet', () => {
  const one = fc
    .record({
      id: fc.string(),
      answer: fc.record({ id: fc.constantFrom(...ANSWER_IDS), at: fc.constant(NOW), text: fc.string() }),
      standing: fc.constantFrom('expected' as const, 'new' as const, 'missing' as const),
      role: fc.constantFrom('primary' as const, 'replica' as const, 'sentinel' as const, 'unknown' as const),
      linkUp: fc.constantFrom(true, false, undefined),
    })
    .map((changes) => server(1, changes))
  const some = fc.array(fc.array(one), { maxLength: 4 })
  fc.assert(
    fc.property(some, fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 60 }), fc.boolean(), (...given) => {
      const [fleets, columns, rows, colours] = given
      const lines = screen(
        fleets.map((servers) => deployment(servers, { problems: ['a', 'b'] })),
        { columns, rows, colours },
      )
      assert.ok(lines.length <= rows, `${lines.length} lines for ${rows} rows`)
      for (const line of lines) assert.ok(widthOf(line) <= columns, line)
    }),
  )
})
