import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseSource, type Attach, type Candidate } from './choose-source.ts'

function server(port: number, role: Candidate['role'], more: Partial<Candidate> = {}): Candidate {
  return { address: { host: 'h', port }, access: {}, role, answers: true, ...more }
}

function chosen(candidates: Candidate[], attach: Attach, current?: string): number | undefined {
  return chooseSource(candidates, attach, current)?.address.port
}

const primary = server(1, 'primary')

test('a replica that is in step comes before the primary, and the nearest before the others', () => {
  assert.equal(chosen([primary, server(2, 'replica', { lagSeconds: 3 }), server(3, 'replica')], 'replica'), 3)
})

test('without one, the primary is followed; without that, a replica that is behind', () => {
  const behind = server(2, 'replica', { lagSeconds: 60 })
  assert.equal(chosen([primary, behind], 'replica'), 1)
  assert.equal(chosen([primary, server(2, 'replica', { linkUp: false })], 'replica'), 1)
  assert.equal(chosen([{ ...primary, answers: false }, behind], 'replica'), 2)
  assert.equal(chosen([{ ...primary, answers: false }, server(2, 'unknown')], 'replica'), undefined)
})

test('who has just begun to look takes no replica that is behind for the primary, however short that has answered', () => {
  const [young, behind] = [{ ...primary, answersForMs: 300 }, server(2, 'replica', { lagSeconds: 60 })]
  assert.equal(chosen([young, behind], 'replica'), 1)
})

test('the one that is followed is kept until another is clearly nearer', () => {
  const [near, far] = [server(2, 'replica'), server(3, 'replica', { lagSeconds: 1 })]
  assert.equal(chosen([primary, near, far], 'replica', 'h:3'), 3)
  assert.equal(chosen([primary, near, { ...far, lagSeconds: 9 }], 'replica', 'h:3'), 2)
  assert.equal(chosen([primary, near, { ...far, answers: false }], 'replica', 'h:3'), 2)
})

test('while there is no primary, the replica that is followed is not left', () => {
  const [gone, follower] = [{ ...primary, answers: false }, server(2, 'replica', { linkUp: false })]
  assert.equal(chosen([gone, follower], 'replica', 'h:2'), 2)
  assert.equal(chosen([gone, { ...follower, answers: false }], 'replica', 'h:2'), 2) // replica-serve-stale-data no
  assert.equal(chosen([gone, follower], 'replica'), undefined) // it would refuse us: NOMASTERLINK
  assert.equal(chosen([primary, follower], 'replica', 'h:2'), 1)
  assert.equal(chosen([{ ...primary, answersForMs: 1_000 }, follower], 'replica', 'h:2'), 2) // it may be promoted meanwhile
  assert.equal(chosen([{ ...primary, answersForMs: 1_000 }, follower], 'replica'), 1)
})

test('a server that comes back as primary after a failover is none while the promoted one is followed', () => {
  const [back, promoted] = [primary, server(2, 'primary')]
  assert.equal(chosen([back, promoted], 'replica', 'h:2'), 2)
  assert.equal(chosen([back, promoted], 'primary', 'h:2'), 2)
  assert.equal(chosen([back, { ...promoted, answers: false }], 'replica', 'h:2'), 1)
})

test('who wants the primary gets it or nobody', () => {
  assert.equal(chosen([server(2, 'replica'), primary], 'primary', 'h:2'), 1)
  assert.equal(chosen([server(2, 'replica')], 'primary'), undefined)
})
