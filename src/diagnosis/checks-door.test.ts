// The checks of the door on evidence made by hand: what cannot be made real on one machine (a container that was killed,
// a server on another machine, versions that are over) and what must not be said.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { constructedEvidence, constructedServer, type Constructed } from '../../test/constructed-evidence.ts'
import { diagnose, loadChecks, type Diagnosis, type Finding } from './diagnose.ts'
import type { Evidence, ServerEvidence } from './evidence.ts'

const checks = await loadChecks()

function judged(server: Constructed, ...others: ServerEvidence[]): Diagnosis {
  const evidence = constructedEvidence(constructedServer(server))
  return diagnose({ ...evidence, servers: [...evidence.servers, ...others] }, checks)
}

function found(check: string, server: Constructed, ...others: ServerEvidence[]): Finding | undefined {
  return judged(server, ...others).findings.find((finding) => finding.check === check)
}

/** Of one of which nothing could be asked. */
function dead(server: Partial<ServerEvidence>): ServerEvidence {
  const { info: _info, config: _config, ...rest } = constructedServer()
  return { ...rest, asked: false, ...server }
}

function judgedDead(server: Partial<ServerEvidence>, ...others: ServerEvidence[]): Diagnosis {
  const evidence = constructedEvidence(dead(server))
  return diagnose({ ...evidence, servers: [...evidence.servers, ...others] }, checks)
}

const REFUSED = { id: 'refused', text: 'connect ECONNREFUSED', forMs: 5_000 } as const

describe('a server that refuses', () => {
  test('is down when its supervisor says so, with the exit code, wherever it is', () => {
    const supervised = {
      supervisor: 'docker:orders',
      is: 'stopped',
      says: 'exited (137)',
      exitCode: 137,
      outOfMemory: false,
    }
    const { findings } = judgedDead({ answer: REFUSED, supervised, local: true })
    const [first] = findings
    assert.equal(first?.check, 'process-down')
    assert.match(first.says, /exit 137/)
  })

  test('on another machine is down or unreachable, and which of them is said by what would tell', () => {
    const { findings, undecided } = judgedDead({ answer: REFUSED, local: false })
    assert.deepEqual(
      findings.filter(({ root }) => root),
      [],
    )
    assert.deepEqual(undecided[0]?.between, ['process-down', 'bind-or-firewall'])
    assert.match(undecided[0]?.wouldTell ?? '', /ss -ltnp/)
  })

  test('on another machine is behind a firewall when a replica still follows it', () => {
    const replica = constructedServer({
      id: 'h:2',
      address: 'h:2',
      role: 'replica',
      primary: 'h:1',
      linkUp: true,
      local: false,
    })
    const { findings } = judgedDead({ answer: REFUSED, local: false }, replica)
    assert.equal(findings.find(({ root }) => root)?.check, 'bind-or-firewall')
  })

  test('is not to be started when it would be an empty primary of replicas that have the data', () => {
    const { findings } = judgedDead({
      answer: REFUSED,
      listening: { sockets: [], otherPorts: [] },
      was: { pid: 4_711, role: 'primary', replicas: ['h:2'] },
      conf: { path: '/etc/redis.conf', writable: true, directives: { save: '' }, lines: 1 },
      disk: {
        path: '/data',
        exists: true,
        freeBytes: 1e9,
        totalBytes: 2e9,
        freeInodes: 1e6,
        owner: 0,
        group: 0,
        mode: 0o750,
        readOnly: false,
        mountType: 'ext4',
        mountPoint: '/',
        files: [],
      },
    })
    const down = findings.find(({ check }) => check === 'process-down')
    assert.match(down?.says ?? '', /h:2 would throw away the data/)
    assert.deepEqual(
      down?.actions.map(({ id }) => id).filter((id) => id === 'start-server'),
      [],
    )
  })
})

describe('a server that says nothing', () => {
  test('and whose process cannot be seen is one of five, and the process would tell', () => {
    const { undecided } = judgedDead({ answer: { id: 'silent', forMs: 5_000 }, local: false })
    assert.ok(undecided[0]?.between.includes('process-stopped') && undecided[0].between.includes('client-pause'))
    assert.match(undecided[0]?.wouldTell ?? '', /ps -o/)
  })

  test('and is busy with a script that nobody may ask about is one of two', () => {
    const { undecided } = judgedDead({ answer: { id: 'busy', text: 'BUSY Redis is busy', forMs: 5_000 } })
    assert.deepEqual(undecided[0]?.between, ['busy-script', 'unkillable-script'])
  })
})

describe('clients that wait', () => {
  const clients = [{ id: '7', addr: '10.0.0.9:5000', name: '', flags: 'b', cmd: 'set', db: '0' }]

  test('with a write are paused', () => {
    assert.equal(found('client-pause', { clients, info: { master_failover_state: 'no-failover' } })?.root, true)
  })

  test('for the moment of a failover, or for a list, are not', () => {
    const inFailover = { clients, info: { master_failover_state: 'waiting-for-sync' } }
    assert.equal(found('client-pause', inFailover), undefined)
    const waiting = clients.map((client) => ({ ...client, cmd: 'blpop' }))
    assert.equal(found('client-pause', { clients: waiting, info: { master_failover_state: 'no-failover' } }), undefined)
  })
})

describe('a version', () => {
  const said = (version: string, flavour: 'redis' | 'valkey' = 'redis'): string =>
    found('end-of-life', { version, flavour })?.says ?? ''

  test('that is over, or will be in three months, is said; one that is mended is not', () => {
    assert.match(said('5.0.14'), /no longer mends/)
    assert.equal(said('7.2.5'), '')
    assert.equal(said('8.2.1'), '')
    assert.equal(said('7.2.11', 'valkey'), '')
  })

  test('that Debian mends under the same number is said with that', () => {
    assert.match(said('7.0.15'), /Debian 12 mends its own package/)
    assert.equal(found('end-of-life', { version: '7.0.15' })?.kind, 'advice')
  })
})

describe('the operating system', () => {
  const kernel = { overcommitMemory: 1, swappiness: 1, clocksource: 'tsc', swapTotalBytes: 0, oomKills: [] }

  test('that is set well is not spoken of', () => {
    assert.equal(found('os-tuning', { kernel }), undefined)
  })

  test('that may refuse a fork is, and not for a server that never forks', () => {
    const refusing = { ...kernel, overcommitMemory: 0 }
    assert.match(found('os-tuning', { kernel: refusing })?.says ?? '', /overcommit_memory=1/)
    assert.equal(found('os-tuning', { kernel: refusing, config: { save: '' } }), undefined)
  })
})

describe('a server without a password', () => {
  const acl = { whoami: 'default', users: ['user default on nopass ~* &* +@all'], log: [] }

  test('is exposed on the network, and not on loopback', () => {
    const open = { 'protected-mode': 'no', bind: '* -::*' }
    assert.equal(found('exposed', { acl, config: open })?.kind, 'risk')
    assert.equal(found('exposed', { acl, config: { ...open, bind: '127.0.0.1 -::1' } }), undefined)
    assert.equal(found('exposed', { acl, config: { ...open, 'protected-mode': 'yes' } }), undefined)
  })
})

describe('messages that nobody hears at the primary', () => {
  const pubsub = { probe: 'ok', channels: [], patterns: 0 } as const
  const publishing = constructedServer({ pubsub })
  const { fields, before, apartMs } = publishing.info ?? { fields: {}, before: {}, apartMs: 1_000 }
  const publisher: ServerEvidence = {
    ...publishing,
    info: {
      before: { ...before, cmdstat_publish: 'calls=10' },
      fields: { ...fields, cmdstat_publish: 'calls=30' },
      apartMs,
    },
  }
  const silent = { ...dead({ role: 'replica', primary: 'h:1', answer: { id: 'paused', forMs: 9_000 } }), id: 'h:2' }
  const judgedBeside = (replica: ServerEvidence, history?: Evidence['history']): Diagnosis => {
    const evidence = constructedEvidence(publisher, { kind: 'replicated', ...(history && { history }) })
    return diagnose({ ...evidence, servers: [...evidence.servers, replica] }, checks)
  }
  const isFound = ({ findings }: Diagnosis): boolean => findings.some(({ check }) => check === 'no-subscriber')

  test('may be heard at a replica that does not say, unless a daemon saw that nobody subscribed there', () => {
    const doubted = judgedBeside(silent)
    assert.equal(isFound(doubted), false)
    assert.ok(doubted.undecided.some(({ between }) => between.includes('no-subscriber')))
    const none = ['redis_pubsub_channels', 'redis_pubsub_patterns'].map((name) => ({
      name,
      labels: { instance: 'h:2' },
      points: [[1, 0]] as const,
    }))
    assert.ok(isFound(judgedBeside(silent, { heldMs: 60_000, series: none })))
  })

  test('are heard by nobody at a replica whose process is gone', () => {
    const supervised = { supervisor: 'docker:orders', is: 'stopped', says: 'exited (137)' }
    assert.ok(isFound(judgedBeside({ ...silent, answer: REFUSED, supervised })))
  })
})

describe('a server that ends without a word again and again', () => {
  test('is killed by a probe or by the kernel, and it is said what would tell', () => {
    const at = constructedEvidence({}).takenAt - 60_000
    const entries = [0, 1, 2, 3].flatMap((run) => [
      {
        at: at + run * 10_000,
        pid: 10 + run,
        role: 'child' as const,
        level: 'warning' as const,
        text: 'oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo',
      },
      {
        at: at + run * 10_000 + 5,
        pid: 10 + run,
        role: 'primary' as const,
        level: 'warning' as const,
        text: 'Server initialized',
      },
    ])
    const { undecided } = judged({ answer: { id: 'loading', forMs: 1_000 }, log: { sources: ['redis.log'], entries } })
    assert.ok(undecided.some(({ between }) => between.includes('probe-kill-loop')))
  })
})
