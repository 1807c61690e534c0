// How the root is told from what follows from it.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Check, Found } from './check.ts'
import { diagnose } from './diagnose.ts'
import type { Evidence, ServerEvidence } from './evidence.ts'

function serverNamed(id: string): ServerEvidence {
  const answer = { id: 'ok', forMs: 0 } as const
  return {
    id,
    address: id,
    role: 'primary',
    standing: 'expected',
    answer,
    asked: false,
    local: false,
    couldNotLook: [],
  }
}

function evidenceOf(servers: readonly string[], alerts: Evidence['alerts'] = []): Evidence {
  const deployment = {
    name: 'd',
    kind: 'replicated',
    dataClass: 'store',
    expect: {},
    missing: [],
    problems: [],
    namespaces: [],
  } as const
  return { version: 1, takenAt: 0, deployment, servers: servers.map(serverNamed), alerts, couldNotLook: [] }
}

/** A check that finds this on the servers named. */
function finds(on: readonly string[], more: Partial<Found>): Check {
  return {
    asks: '?',
    look: ({ id }) =>
      on.includes(id) ? { kind: 'fault', severity: 'critical', says: 'it is so', evidence: [], ...more } : undefined,
  }
}

function told(checks: Record<string, Check>, evidence: Evidence): string[] {
  const { findings } = diagnose(evidence, new Map(Object.entries(checks)))
  return findings.map(({ check, server, root }) => `${check} ${server}${root ? ' root' : ''}`)
}

describe('the root cause', () => {
  test('is the finding that no other finding explains', () => {
    const checks = {
      full: finds(['a'], { brings: ['overdue'] }),
      overdue: finds(['a'], { severity: 'warning' }),
    }
    assert.deepEqual(told(checks, evidenceOf(['a'])), ['full a root', 'overdue a'])
  })

  test('of one server explains nothing on another, unless it says so', () => {
    const alone = { full: finds(['a'], { brings: ['overdue'] }), overdue: finds(['b'], {}) }
    assert.deepEqual(told(alone, evidenceOf(['a', 'b'])), ['full a root', 'overdue b root'])
    const all = {
      full: finds(['a'], { brings: [{ check: 'overdue', on: 'every server' }] }),
      overdue: finds(['b'], {}),
    }
    assert.deepEqual(told(all, evidenceOf(['a', 'b'])), ['full a root', 'overdue b'])
  })

  test('are two where two things are broken', () => {
    const checks = { full: finds(['a'], {}), pause: finds(['a'], {}) }
    assert.deepEqual(told(checks, evidenceOf(['a'])), ['full a root', 'pause a root'])
  })

  test('is a risk only where an alert has no other explanation', () => {
    const risk = finds(['a'], { kind: 'risk', alerts: ['RedisMissingBackup'] })
    const active = [{ name: 'RedisMissingBackup', labels: { instance: 'a' } }]
    assert.deepEqual(told({ risk }, evidenceOf(['a'])), ['risk a'])
    assert.deepEqual(told({ risk }, evidenceOf(['a'], active)), ['risk a root'])
    const fault = finds(['a'], { alerts: ['RedisMissingBackup'] })
    assert.deepEqual(told({ fault, risk }, evidenceOf(['a'], active)), ['fault a root', 'risk a'])
  })

  test('is one of two that name each other, never none', () => {
    const checks = { one: finds(['a'], { brings: ['two'] }), two: finds(['a'], { brings: ['one'] }) }
    assert.equal(told(checks, evidenceOf(['a'])).filter((line) => line.endsWith('root')).length, 1)
  })

  test('is never advice', () => {
    assert.deepEqual(told({ tune: finds(['a'], { kind: 'advice' }) }, evidenceOf(['a'])), ['tune a'])
  })
})

describe('a check', () => {
  test('that fails is said as "could not look", and the others go on', () => {
    const broken: Check = {
      asks: '?',
      look() {
        throw new Error('cannot read that')
      },
    }
    const { findings, couldNotLook } = diagnose(
      evidenceOf(['a']),
      new Map([
        ['broken', broken],
        ['full', finds(['a'], {})],
      ]),
    )
    assert.deepEqual(
      findings.map(({ check }) => check),
      ['full'],
    )
    assert.deepEqual(
      couldNotLook.map(({ at, why }) => [at, why]),
      [['check broken', 'cannot read that']],
    )
  })

  test('that doubts is heard, unless one of the two was found', () => {
    const doubt: Check = {
      asks: '?',
      look: () => ({ between: ['full', 'fork'], says: 'either', wouldTell: 'the log' }),
    }
    assert.equal(diagnose(evidenceOf(['a']), new Map([['doubt', doubt]])).undecided.length, 1)
    assert.equal(
      diagnose(
        evidenceOf(['a']),
        new Map([
          ['doubt', doubt],
          ['full', finds(['a'], {})],
        ]),
      ).undecided.length,
      0,
    )
  })
})

describe('a check that found nothing', () => {
  test('is told from one that could not look', () => {
    const looks: Check = { asks: '?', look: ({ disk }) => (disk === undefined ? undefined : undefined) }
    const passes: Check = { asks: '?', look: ({ id }) => (id === '' ? undefined : undefined) }
    const { asked } = diagnose(
      evidenceOf(['a']),
      new Map([
        ['looks', looks],
        ['passes', passes],
      ]),
    )
    assert.deepEqual(asked, { looks: ['disk of a'], passes: [] })
  })
})
