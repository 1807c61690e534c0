// Every way in which a server that runs here can fail to answer, made real and told apart: on each road that leads to a
// server (plain, password, ACL user, TLS, client certificate, unix socket) the same faults, one after the other, on one
// server. After each of them all is well again, and the reserved connection is still the same.

import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { makeCertificates, tlsOf } from '../lab/certificates.ts'
import { makeFolder } from '../lab/children.ts'
import { freePort } from '../lab/free-port.ts'
import { startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { ANSWERS, type AnswerId } from '../src/redis/answers.ts'
import { openConnection, type Connection } from '../src/redis/connection.ts'
import { crowdAt } from './crowd.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { seenInTime, startWatching, type Reach, type Watched } from './watched.ts'

nothingLeftAfterwards()
seenInTime()

interface Road {
  readonly name: string
  start(): Promise<{ server: Server; reach: Reach }>
  readonly user?: string // whose password and permissions are changed; `default` when absent
}

const certificates = makeCertificates(makeFolder('certificates'))
const WATCHER = 'user respite on >open-sesame resetkeys -@all +ping +info +client|setname +client|list'

const ROADS: readonly Road[] = [
  {
    name: 'in plain text',
    async start() {
      const server = await startServer({ debug: true })
      return { server, reach: server }
    },
  },
  {
    name: 'with a password',
    async start() {
      const server = await startServer({ debug: true, password: 'a "secret" of ours' })
      return { server, reach: server }
    },
  },
  {
    name: 'as an ACL user with the least rights',
    user: 'respite',
    async start() {
      const server = await startServer({ debug: true, conf: [WATCHER] })
      return { server, reach: { address: server.address, access: { user: 'respite', password: 'open-sesame' } } }
    },
  },
  {
    name: 'over TLS, with a password and a CA',
    async start() {
      const made = await certificates
      const tls = { certificates: made, clients: 'no' } as const
      const server = await startServer({ debug: true, password: 'sesame', tls })
      return { server, reach: { address: server.address, access: { password: 'sesame', tls: tlsOf(made.caFile) } } }
    },
  },
  {
    name: 'over TLS, with a client certificate and a server name',
    async start() {
      const made = await certificates
      const server = await startServer({ debug: true, tls: { certificates: made } })
      return {
        server,
        reach: { address: server.address, access: { tls: tlsOf(made.caFile, made.client, 'localhost') } },
      }
    },
  },
  {
    name: 'over a unix socket',
    async start() {
      const server = await startServer({ debug: true, socket: true })
      return { server, reach: { address: { path: server.socketPath ?? '' }, access: {} } }
    },
  },
]

interface Place {
  readonly server: Server
  readonly reach: Reach
  readonly watching: Watched
  readonly user: string
  readonly admin: Connection // was in before the fault, with all rights
  readonly leave: (() => void)[] // what ends the crowd
}

interface Fault {
  readonly name: string
  readonly answer: AnswerId | ((place: Place) => AnswerId)
  readonly words: (place: Place) => RegExp
  make(place: Place): Promise<unknown>
  /** What can still be learned while it lasts, through the reserved connection. */
  readonly learn?: { readonly field: string; readonly value: string }
  mend(place: Place): Promise<unknown>
}

// Of faults that nobody can end: long enough to be seen on a slow machine too.
const LASTS_S = 5

const FAULTS: readonly Fault[] = [
  {
    name: 'a server that is stopped is told from one that is busy',
    answer: 'stopped',
    words: ({ server }) => new RegExp(`pid ${server.pid}\\) is in state T`),
    make: ({ server }) => server.kill('SIGSTOP'),
    mend: ({ server }) => server.kill('SIGCONT'),
  },
  {
    name: 'one whose clients are paused is told from one that hangs',
    answer: 'paused',
    words: () => /is in state S/,
    make: ({ admin }) => admin.send('CLIENT', 'PAUSE', String(1000 * LASTS_S), 'ALL'),
    mend: async () => undefined, // nobody can end it: CLIENT UNPAUSE waits too
  },
  {
    name: 'one that sleeps in the middle of a command hangs',
    answer: 'hanging',
    words: () => /is in state S.*nanosleep/,
    make: async ({ admin }) => void admin.send('DEBUG', 'SLEEP', String(LASTS_S)),
    mend: async () => undefined,
  },
  {
    name: 'one long command keeps it busy before any threshold',
    answer: 'computing',
    words: () => /is in state [RS]/,
    async make({ admin }) {
      await admin.send('CONFIG', 'SET', 'busy-reply-threshold', '60000')
      void admin.send('EVAL', loopForSeconds(LASTS_S), '0')
    },
    mend: async () => undefined,
  },
  {
    name: 'a script past the threshold answers BUSY and can be killed',
    answer: 'busy',
    words: () => /^BUSY .*SCRIPT KILL/,
    async make({ admin, server }) {
      await admin.send('CONFIG', 'SET', 'busy-reply-threshold', '100')
      const script = await openConnection({ ...server, timeoutMs: 20_000, name: 'script' })
      const ended = script.send('EVAL', 'while true do end', '0').catch(() => undefined) // killed, and says so
      void ended.then(() => script.close())
    },
    mend: ({ admin }) => admin.send('SCRIPT', 'KILL'),
  },
  {
    name: 'a full server turns away new clients and still answers the reserved connection',
    answer: 'maxclients',
    words: () => /max number of clients|8 of 8 clients are connected/,
    async make({ admin, server, leave }) {
      await admin.send('CONFIG', 'SET', 'maxclients', '8')
      leave.push(crowdAt(server.port))
    },
    learn: { field: 'connected_clients', value: '8' },
    async mend({ admin, leave }) {
      leave.pop()?.()
      await admin.send('CONFIG', 'SET', 'maxclients', '1000')
    },
  },
  {
    name: 'a changed password turns away new clients and leaves the reserved connection in',
    answer: ({ reach }) => (reach.access.password === undefined ? 'noauth' : 'wrongpass'),
    words: ({ reach }) => (reach.access.password === undefined ? /^NOAUTH / : /^WRONGPASS /),
    make: ({ admin, user }) => admin.send('ACL', 'SETUSER', user, 'resetpass', '>another'),
    learn: { field: 'loading', value: '0' },
    mend({ admin, user, reach: { access } }) {
      const before = access.password === undefined ? 'nopass' : `>${access.password}`
      return admin.send('ACL', 'SETUSER', user, 'resetpass', before)
    },
  },
  {
    name: 'a user who may not PING is not a server that is down',
    answer: 'noperm',
    words: () => /^NOPERM .*ping/,
    make: ({ admin, user }) => admin.send('ACL', 'SETUSER', user, '-ping'),
    learn: { field: 'loading', value: '0' },
    mend: ({ admin, user }) => admin.send('ACL', 'SETUSER', user, '+ping'),
  },
  {
    name: 'writes refused after a save that failed: PING says MISCONF, INFO works',
    answer: 'misconf',
    words: () => /^MISCONF .*snapshots/,
    async make({ admin, server }) {
      const gone = join(server.dir, 'gone')
      mkdirSync(gone)
      await admin.send('CONFIG', 'SET', 'save', '900 1', 'dir', gone)
      rmdirSync(gone)
      await admin.send('BGSAVE')
    },
    learn: { field: 'rdb_last_bgsave_status', value: 'err' },
    async mend({ admin, server }) {
      await admin.send('CONFIG', 'SET', 'save', '', 'dir', server.dir)
      await admin.send('BGSAVE')
    },
  },
  {
    name: 'a replica that lost its primary and may not serve stale data: MASTERDOWN, INFO works',
    answer: 'masterdown',
    words: () => /^MASTERDOWN /,
    async make({ admin }) {
      await admin.send('CONFIG', 'SET', 'replica-serve-stale-data', 'no')
      await admin.send('REPLICAOF', '127.0.0.1', String(await freePort()))
    },
    learn: { field: 'master_link_status', value: 'down' },
    mend: ({ admin }) => admin.send('REPLICAOF', 'NO', 'ONE'),
  },
]

describe('every answer', { concurrency: 3 }, () => {
  for (const road of ROADS) describe(road.name, { concurrency: 1 }, () => everyAnswer(road))
})

function everyAnswer({ start, user = 'default' }: Road): void {
  let place: Place
  let reservedBefore = ''

  before(async () => {
    const { server, reach } = await start()
    const admin = await openConnection({ ...server, timeoutMs: 20_000, name: 'admin' })
    const watching = startWatching(reach)
    place = { server, reach, watching, user, admin, leave: [] }
    await watching.recovers()
    reservedBefore = await watching.reservedId()
  })
  after(async () => {
    place.watching.stop()
    place.admin.close()
    await place.server.stop()
  })

  for (const { name, answer, words, make, learn, mend } of FAULTS)
    test(name, async () => {
      const { watching } = place
      await make(place)
      try {
        const seen = await watching.sees(typeof answer === 'string' ? answer : answer(place))
        assert.match(seen.text ?? '', words(place))
        assert.doesNotMatch(seen.text ?? '', /sesame|secret|another/, 'a password is shown')
        if (learn !== undefined) assert.equal(await watching.info(learn.field), learn.value)
      } finally {
        await mend(place)
      }
      await watching.recovers()
      assert.equal(await watching.reservedId(), reservedBefore, 'the reserved connection was opened again')
    })

  test('killed it is refused, started again it loads, and then all is well on a new connection', async () => {
    const { admin, server, watching } = place
    await admin.send('DEBUG', 'POPULATE', '20000', 'key', '8')
    await admin.send('SAVE')
    appendFileSync(server.confFile, 'key-load-delay 1000\nloading-process-events-interval-bytes 1024\n')
    await server.kill('SIGKILL')
    const refused = await watching.sees('refused')
    assert.match(refused.text ?? '', /ECONNREFUSED.*; nobody listens on .* has ended/)
    assert.equal(watching.reserved, false)
    await server.restart()
    assert.match((await watching.sees('loading')).text ?? '', /^LOADING /)
    await until('there is a way in again', () => watching.reserved)
    assert.equal(await watching.info('loading'), '1')
    await server.cli('CONFIG', 'SET', 'key-load-delay', '0') // it would load for twenty seconds
    await watching.recovers()
  })
}

test('a server that is full from the start is not hammered, and entered as soon as there is room', async (t) => {
  const server = await startServer({ conf: ['maxclients 6'] })
  t.after(() => server.stop())
  const admin = await openConnection({ ...server, timeoutMs: 20_000, name: 'admin' })
  t.after(() => admin.close())
  const info = async (field: string): Promise<number> =>
    Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(String(await admin.send('INFO')))?.[1])
  const stay = await Promise.all(Array.from({ length: 5 }, () => openConnection({ ...server, timeoutMs: 20_000 })))
  const leave = (): void => stay.forEach((one) => one.close())
  t.after(leave)
  assert.equal(await info('connected_clients'), 6)
  const watching = startWatching(server)
  t.after(() => watching.stop())
  await until('the door was tried four times', () => watching.attempts >= 4)
  assert.equal(watching.answer?.id, 'maxclients')
  assert.equal(watching.reserved, false)
  const [tries, knocks] = [await info('rejected_connections'), watching.attempts]
  assert.ok(tries <= 2 * (knocks + 1) + 2, `${tries} attempts with ${knocks} knocks, one a second`)
  leave()
  await watching.recovers()
})

/** A script without end that ends itself; TIME is what a script may ask without touching a key. */
function loopForSeconds(seconds: number): string {
  const now = `(function() local t = redis.call('TIME') return t[1] + t[2] / 1000000 end)()`
  return `local ends = ${now} + ${seconds} while ${now} < ends do end`
}

test('each answer says what it means and what to do first', () => {
  for (const { says, means, first } of Object.values(ANSWERS)) {
    assert.ok(says.length <= 28, `"${says}" is too long for a column`)
    assert.match(means, /^[A-Z].*\.$/s)
    assert.match(first, /^\S.*\.$/s)
  }
})
