// The state file on a real disk: what it keeps, who may read it, and every way in which it cannot be opened.
// Only the full disk is made by a limit of SQLite, since filling one would take the machine with it.

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { Fault } from '../lib/fault.ts'
import type { ExpectedServer } from './expected-servers.ts'
import { openState, stateOf } from './open-state.ts'

let dir = ''
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'respite-state-'))))
afterEach(() => rmSync(dir, { recursive: true }))

const server = (over: Partial<ExpectedServer> = {}): ExpectedServer => ({
  deployment: 'orders',
  id: '10.0.0.5:6379',
  role: 'primary',
  firstSeenMs: 1_000,
  lastSeenMs: 2_000,
  accepted: true,
  ...over,
})

const faultOf = (run: () => unknown): Fault => {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof Fault, String(error))
    return error
  }
  throw new assert.AssertionError({ message: 'no Fault was thrown' })
}

describe('expected servers', () => {
  it('are there again after a restart, by deployment', () => {
    const first = openState(dir)
    first.expectedServers.put(server())
    first.expectedServers.put(
      server({ deployment: 'sessions', id: '/run/redis.sock', role: 'unknown', accepted: false }),
    )
    first.close()
    const second = openState(dir)
    assert.deepEqual(second.expectedServers.list('orders'), [server()])
    assert.deepEqual(second.expectedServers.deployments(), ['orders', 'sessions'])
    assert.equal(second.expectedServers.list('sessions')[0]?.accepted, false)
    second.close()
  })

  it('keep the time of the first sight when they are seen again in another role', () => {
    const state = openState(':memory:')
    state.expectedServers.put(server())
    state.expectedServers.put(server({ firstSeenMs: 9_000, lastSeenMs: 9_000, role: 'replica' }))
    assert.deepEqual(state.expectedServers.list('orders'), [server({ lastSeenMs: 9_000, role: 'replica' })])
    state.close()
  })

  it('are forgotten once', () => {
    const state = openState(':memory:')
    state.expectedServers.put(server())
    assert.equal(state.expectedServers.remove('orders', '10.0.0.5:6379'), true)
    assert.equal(state.expectedServers.remove('orders', '10.0.0.5:6379'), false)
    assert.deepEqual(state.expectedServers.list('orders'), [])
    state.close()
  })
})

describe('the state file', () => {
  it('is readable by its owner alone, also when it was not', () => {
    writeFileSync(join(dir, 'respite.db'), '', { mode: 0o644 })
    const state = openState(dir)
    state.expectedServers.put(server())
    for (const file of ['respite.db', 'respite.db-wal'])
      assert.equal(statSync(join(dir, file)).mode & 0o777, 0o600, file)
    state.close()
  })

  it('is refused and kept as it is when it is no database', () => {
    const bytes = Buffer.alloc(8_192, 'not a database. ')
    writeFileSync(join(dir, 'respite.db'), bytes)
    const fault = faultOf(() => openState(dir))
    assert.match(fault.why, /damaged/)
    assert.match(fault.hint ?? '', /Move it aside/)
    assert.deepEqual(readFileSync(join(dir, 'respite.db')), bytes)
  })

  it('is refused and kept as it is when a page in it is damaged', () => {
    const state = openState(dir)
    for (let at = 0; at < 500; at += 1) state.expectedServers.put(server({ id: `10.0.0.5:${at}` }))
    state.close()
    const file = join(dir, 'respite.db')
    const bytes = readFileSync(file).fill(0xff, 4_096, 8_192)
    writeFileSync(file, bytes)
    assert.match(faultOf(() => openState(dir)).why, /damaged/)
    assert.deepEqual(readFileSync(file), bytes)
  })

  it('is refused and kept as it is when a newer Respite wrote it', () => {
    const db = new DatabaseSync(join(dir, 'respite.db'))
    db.exec('PRAGMA user_version = 99')
    db.close()
    const bytes = readFileSync(join(dir, 'respite.db'))
    assert.match(faultOf(() => openState(dir)).why, /newer Respite \(format 99/)
    assert.deepEqual(readFileSync(join(dir, 'respite.db')), bytes)
  })

  it('belongs to one daemon at a time', async () => {
    const program = `
      import { openState } from ${JSON.stringify(join(import.meta.dirname, 'open-state.ts'))}
      openState(${JSON.stringify(dir)})
      process.stdout.write('open')
      setInterval(() => {}, 1000)`
    const other = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(other.stdout, 'data')
    const fault = faultOf(() => openState(dir))
    assert.equal(fault.why, 'another Respite uses it')
    assert.match(fault.hint ?? '', /--data/)
    other.kill('SIGKILL')
    await once(other, 'exit')
    openState(dir).close() // and is free again however the other one ended
  })

  it('on a full disk loses the write, says so, and goes on', () => {
    const db = new DatabaseSync(':memory:')
    const state = stateOf(db, ':memory:')
    state.expectedServers.put(server())
    const { page_count: pages } = db.prepare('PRAGMA page_count').get() as { page_count: number }
    db.exec(`PRAGMA max_page_count = ${pages}`)
    const fault = faultOf(() => state.expectedServers.put(server({ id: 'x'.repeat(20_000) })))
    assert.equal(fault.why, 'the disk is full')
    assert.deepEqual(state.expectedServers.list('orders'), [server()])
    state.close()
  })

  it('in a folder that cannot be written to is a Fault that names --data', () => {
    writeFileSync(join(dir, 'file'), '')
    assert.match(faultOf(() => openState(join(dir, 'file', 'sub'))).hint ?? '', /--data/)
    assert.match(execFileSync('ls', [dir], { encoding: 'utf8' }), /^file\n$/)
  })
})
