// Where a deployment runs, from what rented servers show; constructed, since none of them can be rented for a test.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { constructedEvidence, constructedServer, type Constructed } from '../../test/constructed-evidence.ts'
import { platformOf } from './platform.ts'

const AWAY: Constructed = { id: '10.0.0.5:6379', address: '10.0.0.5:6379', local: false }

function runsAt(server: Constructed): string {
  return platformOf(constructedEvidence({ ...AWAY, ...server })).id
}

describe('where a deployment runs', () => {
  test('is told by its address', () => {
    for (const [host, id] of [
      ['orders.abc123.ng.0001.euw1.cache.amazonaws.com', 'elasticache'],
      ['orders.redis.cache.windows.net', 'azure-cache'],
      ['redis-12345.c1.eu-west-1-3.ec2.cloud.redislabs.com', 'redis-cloud'],
      ['redis-12345.c1.eu-west-1-3.ec2.redns.redis-cloud.com', 'redis-cloud'],
    ] as const)
      assert.equal(runsAt({ address: `${host}:6379`, info: { executable: '-' }, config: {} }), id)
  })

  test('is told by what INFO says where the address is a number', () => {
    assert.equal(runsAt({ info: { os: 'Amazon ElastiCache', executable: '-' } }), 'elasticache')
    assert.equal(runsAt({ info: { rlec_version: '100.0.5-5' } }), 'redis-cloud')
    assert.equal(runsAt({ info: { executable: '/usr/bin/redis-server' } }), 'self-hosted')
  })

  test('is told by the commands that are missing, when it is all of them', () => {
    const missing = (...sources: string[]): Constructed => ({
      couldNotLook: sources.map((at) => ({ at: `10.0.0.5:6379 ${at}`, why: "ERR unknown command 'X'", hint: '' })),
      info: { executable: '' },
    })
    assert.equal(runsAt(missing('clients', 'config', 'acl')), 'memorystore')
    assert.notEqual(runsAt(missing('config')), 'memorystore')
    assert.notEqual(runsAt({ ...missing('clients', 'config', 'acl'), local: true }), 'memorystore') // renamed commands
  })

  test('is not guessed, and each has something to look at first', () => {
    const { config: _none, ...server } = constructedServer({ ...AWAY, info: { executable: '' } })
    const platform = platformOf(constructedEvidence(server))
    assert.equal(platform.id, 'unknown')
    assert.ok(platform.first.length > 20 && platform.because.length > 10)
    assert.equal(runsAt({ info: { executable: '' } }), 'self-hosted') // it answers CONFIG
  })
})
